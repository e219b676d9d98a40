//! Runs that came in files of their own: the form that puts one in, and those that are there.

use leptos::prelude::*;
use leptos_meta::Title;
use leptos_router::hooks::use_query_map;

use crate::engine::ids::CapsuleId;
use crate::engine::summary::CapsuleCard;
use crate::rpc::capsules::{CapsulesView, capsules};
use crate::rpc::error::PageError;
use crate::ui::components::{Empty, Failure, Moment, RunBadge};
use crate::ui::format;

/// What the server says in the address when a form has led here.
const TOLD: [(&str, &str); 2] = [
    (
        "too-large",
        "The file is larger than a capsule may be, so it was not read.",
    ),
    (
        "not-removed",
        "The capsule could not be removed. Try again; the server's log says why it failed.",
    ),
];

#[component]
pub fn CapsulesPage() -> impl IntoView {
    let view = Resource::new(|| (), |()| capsules());
    let query = use_query_map();
    let told = move || {
        let (_, why) = TOLD
            .into_iter()
            .find(|(word, _)| query.with(|query| query.get(word).is_some()))?;
        Some(view! { <p class="notice notice-failed" role="alert">{why}</p> })
    };
    view! {
        <Title text="Capsules" />
        <h1>"Capsules"</h1>
        <p class="lead">"A capsule is a run as one file: its definition, its log and its files under a signature. Open one here, and look at the run as it was, wherever it ran."</p>
        {told}
        <Transition fallback=|| view! { <p class="muted">"Loading…"</p> }>
            {move || Suspend::new(async move { show(view.await) })}
        </Transition>
    }
}

fn show(view: Result<CapsulesView, PageError>) -> AnyView {
    let CapsulesView {
        capsules,
        own_key,
        refused,
    } = match view {
        Ok(view) => view,
        Err(error) => return view! { <Failure error /> }.into_any(),
    };
    let refused = refused.map(
        |why| view! { <p class="notice notice-failed" role="alert" id="capsule-refused">{why}</p> },
    );
    let listed = match capsules.is_empty() {
        true => view! {
            <Empty title="No capsule has been opened yet.">
                <p>"At the end of each run's page is a link that saves it as one."</p>
            </Empty>
        }
        .into_any(),
        false => {
            let rows: Vec<_> = capsules.into_iter().map(row).collect();
            view! { <ul class="capsules">{rows}</ul> }.into_any()
        }
    };
    view! {
        {refused}
        // A plain form: a file is no business of the client's.
        <form class="form capsule-form" method="post" action="/capsules" enctype="multipart/form-data">
            <div class="field">
                <label for="capsule-file">"File"</label>
                <input id="capsule-file" name="file" type="file" accept=".capsule,.jsonl" required aria-describedby="capsule-hint" />
                <p class="hint" id="capsule-hint">"Nothing in it is carried out. A file that was changed since it was signed is refused."</p>
            </div>
            <button class="button button-primary">"Open"</button>
        </form>
        {listed}
        {own_key.map(|key| view! { <p class="muted">"This server signs with " <code class="fingerprint">{key}</code></p> })}
    }
    .into_any()
}

fn row(card: CapsuleCard) -> impl IntoView {
    let href = format!("/capsules/{}", card.id);
    let run = card.run;
    let by = match card.is_own_key {
        true => "signed by this server".to_owned(),
        false => format!("signed with {}", card.signed_with),
    };
    view! {
        <li>
            // Whoever it waited for is not asked here.
            <p><a href=href>{run.header.workflow_name.clone()}</a> " " <RunBadge status=run.status for_people=false /></p>
            <p class="muted fingerprint">"Run of " <Moment at=run.header.created_at /> " · exported " <Moment at=card.exported_at /> {format!(" by {} · {} · {by}", card.exported_by, format::bytes(card.bytes))}</p>
            {forget(&card.id, &run.header.workflow_name)}
        </li>
    }
}

/// Takes a capsule away from this server. Whoever has the file can open it again. A plain form, as the one that opens
/// them: few are ever removed, and every run's page would carry what a livelier one needs.
pub(super) fn forget(id: &CapsuleId, name: &str) -> impl IntoView + use<> {
    view! {
        <form method="post" action=format!("/capsules/{id}")>
            <button class="button button-small" aria-label=format!("Remove the capsule of {name} from here")>"Remove"</button>
        </form>
    }
}
