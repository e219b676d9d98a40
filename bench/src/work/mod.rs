//! The workloads, W1 to W12. Each starts a server of its own, so that none inherits what another left.

mod hostile;
mod many;
mod one;
mod size;
mod viewers;
mod waiting;

use std::path::PathBuf;
use std::pin::Pin;

use crate::figures::Row;

type Measured = Pin<Box<dyn Future<Output = Vec<Row>>>>;
type Workload = fn(PathBuf) -> Measured;

pub const ALL: &[(&str, Workload)] = &[
    ("limits", |_| Box::pin(async { crate::limits::measure() })),
    ("W1", |binary| Box::pin(one::w1_chain(binary))),
    ("W2", |binary| Box::pin(one::w2_fan(binary))),
    ("W3", |binary| Box::pin(many::w3_throughput(binary))),
    ("W4", |binary| Box::pin(one::w4_one_step(binary))),
    ("W5", |binary| Box::pin(one::w5_approval(binary))),
    ("W6", |binary| Box::pin(size::w6_start(binary))),
    ("W7", |binary| Box::pin(one::w7_requests(binary))),
    ("W8", |binary| Box::pin(size::w8_large_run(binary))),
    ("W9", |binary| Box::pin(size::w9_many_runs(binary))),
    ("W10", |binary| Box::pin(waiting::w10_waiting(binary))),
    ("W11", |binary| Box::pin(hostile::w11_hostile(binary))),
    ("W12", |binary| Box::pin(viewers::w12_viewers(binary))),
];

fn row(id: &'static str, work: impl Into<String>, figure: String, aim: &'static str) -> Row {
    Row {
        id,
        work: work.into(),
        figure,
        aim,
    }
}
