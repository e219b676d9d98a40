//! Which of the mounted file systems are disks that can fill up, each once.

use serde::Serialize;
use std::collections::BTreeMap;

use super::percent;

/// File systems that hold no files of their own, or none that anybody could delete.
const NOT_DISKS: [&str; 14] = [
    "autofs",
    "binfmt_misc",
    "bpf",
    "configfs",
    "debugfs",
    "efivarfs",
    "erofs",
    "fusectl",
    "nsfs",
    "ramfs",
    "securityfs",
    "squashfs",
    "tmpfs",
    "tracefs",
];

#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct DiskState {
    mount: String,
    file_system: String,
    total_bytes: u64,
    used_bytes: u64,
    used_percent: f64,
}

/// The disks of this machine, by where they are mounted.
pub fn disks() -> Vec<DiskState> {
    let Ok(disks) = sysinfo::Disks::new_with_refreshed_list() else {
        return Vec::new();
    };
    let mounts = disks
        .iter()
        .filter(|disk| disk.mount_point().is_dir())
        .map(|disk| Mount {
            device: disk.name().to_string_lossy().into_owned(),
            path: disk.mount_point().to_string_lossy().into_owned(),
            file_system: disk.file_system().to_string_lossy().into_owned(),
            total_bytes: disk.total_space(),
            used_bytes: used_bytes(disk),
            free_bytes: disk.available_space(),
        });
    real_disks(mounts)
}

/// What files take up. Blocks kept for the administrator are neither used nor free, as with `df`.
#[cfg(unix)]
fn used_bytes(disk: &sysinfo::Disk) -> u64 {
    match rustix::fs::statvfs(disk.mount_point()) {
        Ok(stat) => (stat.f_blocks.saturating_sub(stat.f_bfree)).saturating_mul(stat.f_frsize),
        Err(_) => disk.total_space().saturating_sub(disk.available_space()),
    }
}

#[cfg(not(unix))]
fn used_bytes(disk: &sysinfo::Disk) -> u64 {
    disk.total_space().saturating_sub(disk.available_space())
}

struct Mount {
    device: String,
    path: String,
    file_system: String,
    total_bytes: u64,
    used_bytes: u64,
    /// What ordinary programs can still fill.
    free_bytes: u64,
}

impl Mount {
    fn is_disk(&self) -> bool {
        let file_system = self.file_system.as_str();
        // A container's root is an overlay and as real as any; the overlays of its neighbours are not ours.
        let overlay_elsewhere = file_system == "overlay" && self.path != "/";
        self.total_bytes > 0 && !NOT_DISKS.contains(&file_system) && !overlay_elsewhere
    }
}

/// A device that is mounted more than once (bind mounts, subvolumes) is counted where its path is shortest.
fn real_disks(mounts: impl Iterator<Item = Mount>) -> Vec<DiskState> {
    let mut by_device: BTreeMap<String, Mount> = BTreeMap::new();
    for mount in mounts.filter(Mount::is_disk) {
        let is_device = mount.device.contains(['/', '\\']);
        let key = if is_device {
            mount.device.clone()
        } else {
            mount.path.clone()
        };
        match by_device.get(&key) {
            Some(kept) if kept.path.len() <= mount.path.len() => {}
            Some(_) | None => {
                by_device.insert(key, mount);
            }
        }
    }
    let mut disks: Vec<DiskState> = by_device.into_values().map(state).collect();
    disks.sort_by(|one, other| one.mount.cmp(&other.mount));
    disks
}

fn state(mount: Mount) -> DiskState {
    DiskState {
        used_percent: percent(mount.used_bytes, mount.used_bytes + mount.free_bytes),
        mount: mount.path,
        file_system: mount.file_system,
        total_bytes: mount.total_bytes,
        used_bytes: mount.used_bytes,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(mounts: &[(&str, &str, &str)], expected: &[&str]) {
        let mounts = mounts.iter().map(|(device, path, file_system)| Mount {
            device: (*device).to_owned(),
            path: (*path).to_owned(),
            file_system: (*file_system).to_owned(),
            total_bytes: 1000,
            used_bytes: 700,
            free_bytes: 250,
        });
        let found: Vec<String> = real_disks(mounts)
            .into_iter()
            .map(|disk| disk.mount)
            .collect();
        assert_eq!(found, expected);
    }

    #[test]
    fn a_device_mounted_twice_is_one_disk_at_its_shortest_path() {
        check(
            &[
                ("/dev/sda2", "/var/lib/data/bind", "ext4"),
                ("/dev/sda2", "/", "ext4"),
                ("/dev/sdb1", "/srv", "xfs"),
            ],
            &["/", "/srv"],
        );
    }

    #[test]
    fn what_holds_no_files_is_no_disk() {
        check(
            &[
                ("tmpfs", "/tmp", "tmpfs"),
                ("overlay", "/", "overlay"),
                ("overlay", "/var/lib/docker/overlay2/x/merged", "overlay"),
                ("/dev/loop3", "/snap/core", "squashfs"),
                ("tank/home", "/home", "zfs"),
            ],
            &["/", "/home"],
        );
    }

    #[test]
    fn the_share_is_of_what_ordinary_programs_may_fill() {
        let mount = Mount {
            device: "/dev/sda".into(),
            path: "/".into(),
            file_system: "ext4".into(),
            total_bytes: 1000,
            used_bytes: 600,
            free_bytes: 300,
        };
        let disk = state(mount);
        assert_eq!((disk.used_bytes, disk.used_percent), (600, 66.7));
    }
}
