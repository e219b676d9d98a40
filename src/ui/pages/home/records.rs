//! How the workflows that ran lately have done: a bar for each of their last runs, how many succeeded, and how long they
//! took.

use leptos::prelude::*;

use crate::engine::reliability::{Ended, Reliability};
use crate::engine::state::RunStatus;
use crate::rpc::views::RecordView;
use crate::ui::format;

/// A bar and the room beside it, in units of the drawing.
const BAR: u32 = 4;
const GAP: u32 = 2;
/// Of the longest run.
const HEIGHT: u64 = 24;
/// Of the shortest: it is to be seen.
const HEIGHT_MIN: u64 = 2;
/// Below the bars, for the marks.
const MARKS: u64 = 7;

#[component]
pub fn Records(records: Vec<RecordView>) -> impl IntoView {
    let rows: Vec<_> = records.into_iter().map(row).collect();
    view! {
        <section aria-labelledby="records-title">
            <h2 id="records-title">"How workflows do"</h2>
            <table class="records">
                <thead>
                    <tr>
                        <th scope="col">"Workflow"</th>
                        <th scope="col">"Last runs"</th>
                        <th scope="col" class="number">"Succeeded"</th>
                        <th scope="col" class="number"><abbr title="Half of the runs that completed took no longer">"p50"</abbr></th>
                        <th scope="col" class="number"><abbr title="95 of 100 runs that completed took no longer">"p95"</abbr></th>
                    </tr>
                </thead>
                <tbody>{rows}</tbody>
            </table>
        </section>
    }
}

fn row(record: RecordView) -> AnyView {
    let RecordView { slug, name, ended } = record;
    let figures = Reliability::of(&ended);
    let href = format!("/workflows/{slug}");
    let percent = match figures.success_percent() {
        Some(percent) => format!("{percent} %"),
        None => "–".to_owned(),
    };
    let failed = (figures.failed > 0).then(|| {
        let href = format!("/runs?status=failed&workflow={slug}");
        view! { " · " <a href=href>{format!("{} failed", figures.failed)}</a> }
    });
    let time = |ms: Option<u64>| ms.map_or_else(|| "–".to_owned(), format::duration);
    view! {
        <tr>
            <th scope="row"><a href=href>{name}</a></th>
            <td data-label="Last runs">{bars(&ended, &figures)}</td>
            <td class="number" data-label="Succeeded"><span>{percent} {failed}</span></td>
            <td class="number" data-label="p50">{time(figures.p50_ms)}</td>
            <td class="number" data-label="p95">{time(figures.p95_ms)}</td>
        </tr>
    }
    .into_any()
}

/// As high as a run was long, oldest first. What did not succeed has a mark below, so that nobody has to see colours.
fn bars(ended: &[Ended], figures: &Reliability) -> AnyView {
    let longest = ended.iter().map(|run| run.took_ms).max().unwrap_or(0);
    let count = u32::try_from(ended.len()).unwrap_or(u32::MAX);
    let (width, height) = (count * (BAR + GAP), HEIGHT + MARKS);
    let bars: Vec<_> = ended
        .iter()
        .zip(0_u32..)
        .map(|(run, at)| bar(*run, at * (BAR + GAP), longest))
        .collect();
    view! {
        <svg class="record-bars" role="img" aria-label=told(figures) width=width height=height viewBox=format!("0 0 {width} {height}")>
            {bars}
        </svg>
    }
    .into_any()
}

fn bar(run: Ended, x: u32, longest: u64) -> AnyView {
    let share = (run.took_ms * HEIGHT).checked_div(longest);
    let height = share.unwrap_or(0).max(HEIGHT_MIN);
    let middle = HEIGHT + MARKS - 3;
    let left = format!("M{x} {}", middle - 2);
    let (class, mark) = match run.status {
        RunStatus::Failed => ("bar-failed", Some(format!("{left}l4 4m0-4l-4 4"))),
        RunStatus::Cancelled => ("bar-cancelled", Some(format!("M{x} {middle}h4"))),
        RunStatus::Completed
        | RunStatus::Pending
        | RunStatus::Running
        | RunStatus::Waiting
        | RunStatus::Paused
        | RunStatus::Cancelling => ("bar-completed", None),
    };
    let mark = mark.map(|path| view! { <path d=path /> });
    view! { <g class=class><rect x=x y=HEIGHT - height width=BAR height=height rx="1" />{mark}</g> }
        .into_any()
}

/// `Of the last 30 runs 27 completed, 2 failed, 1 was cancelled.`
fn told(figures: &Reliability) -> String {
    let Reliability {
        completed,
        failed,
        cancelled,
        ..
    } = figures;
    let all = completed + failed + cancelled;
    let last = match all {
        1 => "The last run:".to_owned(),
        _ => format!("Of the last {all} runs"),
    };
    let parts = [
        (completed, "completed"),
        (failed, "failed"),
        (cancelled, "cancelled"),
    ];
    let parts: Vec<String> = parts
        .into_iter()
        .filter(|(count, _)| **count > 0)
        .map(|(count, word)| format!("{count} {word}"))
        .collect();
    format!("{last} {}.", parts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_picture_is_told_in_a_sentence() {
        let told = |completed, failed, cancelled| {
            told(&Reliability {
                completed,
                failed,
                cancelled,
                ..Reliability::default()
            })
        };
        assert_eq!(
            told(27, 2, 1),
            "Of the last 30 runs 27 completed, 2 failed, 1 cancelled."
        );
        assert_eq!(told(0, 1, 0), "The last run: 1 failed.");
    }
}
