//! Who gets a room, and who waits.

use super::*;

fn ask(rooms: &mut Rooms, run: &str, step: &str, max: u32) -> Vec<String> {
    let room = Room {
        of: RoomOf::Key("db".to_owned()),
        max,
    };
    let asker = (RunId::new(run), Some(StepPath::new(step)));
    names(rooms.ask(&WorkflowId::new("w"), asker, &[room]))
}

fn release(rooms: &mut Rooms, run: &str, step: &str) -> Vec<String> {
    names(rooms.release(&(RunId::new(run), Some(StepPath::new(step)))))
}

fn names(askers: Vec<Asker>) -> Vec<String> {
    let name = |(run, step): Asker| match step {
        Some(step) => format!("{run}/{step}"),
        None => run.to_string(),
    };
    askers.into_iter().map(name).collect()
}

#[test]
fn no_more_than_the_bound_hold_a_room_and_the_next_is_served_on_release() {
    let mut rooms = Rooms::default();
    assert_eq!(ask(&mut rooms, "a", "1", 2), ["a/1"]);
    assert_eq!(ask(&mut rooms, "a", "2", 2), ["a/2"]);
    assert!(ask(&mut rooms, "a", "3", 2).is_empty());
    assert!(ask(&mut rooms, "a", "3", 2).is_empty(), "asked twice");
    assert_eq!(release(&mut rooms, "a", "1"), ["a/3"]);
    assert!(release(&mut rooms, "a", "1").is_empty(), "released twice");
    assert!(release(&mut rooms, "a", "2").is_empty());
    assert!(release(&mut rooms, "a", "3").is_empty());
    assert!(rooms.rooms.is_empty() && rooms.held.is_empty() && rooms.waiting.is_empty());
}

#[test]
fn runs_are_served_in_turn_however_much_one_of_them_asks_for() {
    let mut rooms = Rooms::default();
    ask(&mut rooms, "greedy", "0", 1);
    for step in 1..100 {
        ask(&mut rooms, "greedy", &step.to_string(), 1);
    }
    ask(&mut rooms, "modest", "only", 1);
    let mut order = Vec::new();
    let mut holder = "greedy/0".to_owned();
    for _ in 0..3 {
        let (run, step) = holder.split_once('/').expect("run and step");
        holder = release(&mut rooms, run, step).remove(0);
        order.push(holder.clone());
    }
    assert!(order[..2].contains(&"modest/only".to_owned()), "{order:?}");
}

#[test]
fn who_needs_two_rooms_gets_both_or_waits_and_blocks_nobody() {
    let mut rooms = Rooms::default();
    let workflow = WorkflowId::new("w");
    let room = |tool: &str| Room {
        of: RoomOf::Tool(tool.to_owned()),
        max: 1,
    };
    let run = |id: &str| (RunId::new(id), None);
    assert_eq!(rooms.ask(&workflow, run("a"), &[room("x")]).len(), 1);
    let both = rooms.ask(&workflow, run("b"), &[room("x"), room("y")]);
    assert!(both.is_empty());
    assert_eq!(
        names(rooms.ask(&workflow, run("c"), &[room("y")])),
        ["c"],
        "nobody holds y yet"
    );
    assert!(rooms.release_run(&RunId::new("a")).is_empty());
    assert_eq!(names(rooms.release_run(&RunId::new("c"))), ["b"]);
}

fn workflow_room(max: u32) -> [Room; 1] {
    let of = RoomOf::Workflow(None);
    [Room { of, max }]
}

fn ask_for_run(rooms: &mut Rooms, run: &str, max: u32) -> Vec<String> {
    let asker = (RunId::new(run), None);
    names(rooms.ask(&WorkflowId::new("w"), asker, &workflow_room(max)))
}

fn link(rooms: &mut Rooms, run: &str, parent: &str) {
    rooms.link(&RunId::new(run), &RunId::new(parent), &StepPath::new("s"));
}

fn end(rooms: &mut Rooms, run: &str) -> Vec<String> {
    names(rooms.release_run(&RunId::new(run)))
}

#[test]
fn a_holder_lends_its_room_to_what_it_waits_for_one_at_a_time() {
    let mut rooms = Rooms::default();
    assert_eq!(ask_for_run(&mut rooms, "top", 1), ["top"]);
    for (run, parent) in [("mid", "top"), ("one", "mid"), ("two", "mid")] {
        link(&mut rooms, run, parent);
    }
    assert!(ask_for_run(&mut rooms, "other", 1).is_empty());
    // `mid` is of another workflow and holds nothing; the room comes from further up.
    assert_eq!(ask_for_run(&mut rooms, "one", 1), ["one"]);
    assert!(ask_for_run(&mut rooms, "two", 1).is_empty(), "lent already");
    link(&mut rooms, "below", "one");
    assert_eq!(ask_for_run(&mut rooms, "below", 1), ["below"]);
    assert!(end(&mut rooms, "below").is_empty());
    assert_eq!(end(&mut rooms, "one"), ["two"]);
    assert!(end(&mut rooms, "two").is_empty(), "`top` holds it still");
    assert_eq!(end(&mut rooms, "top"), ["other"]);
    end(&mut rooms, "mid");
    end(&mut rooms, "other");
    assert!(!rooms.in_use());
}

#[test]
fn what_was_lent_is_known_again_after_a_restart() {
    let mut rooms = Rooms::default();
    rooms.begin_recovery();
    let open = ["one", "top", "two"].map(RunId::new);
    rooms.await_runs(&open);
    link(&mut rooms, "one", "top");
    link(&mut rooms, "two", "top");
    let workflow = WorkflowId::new("w");
    assert!(ask_for_run(&mut rooms, "two", 1).is_empty());
    for (run, held) in [("one", 1), ("two", 0), ("top", 1)] {
        let held = &workflow_room(1)[..held];
        let served = rooms.take_up(&workflow, &RunId::new(run), held);
        assert!(served.is_empty(), "`one` has the room");
    }
    assert_eq!(end(&mut rooms, "one"), ["two"]);
}

#[test]
fn a_borrower_that_outlives_the_one_in_between_keeps_the_room_of_the_first_lender() {
    let mut rooms = Rooms::default();
    ask_for_run(&mut rooms, "top", 1);
    for (run, parent) in [("mid", "top"), ("late", "mid"), ("next", "top")] {
        link(&mut rooms, run, parent);
    }
    assert_eq!(ask_for_run(&mut rooms, "mid", 1), ["mid"]);
    assert_eq!(ask_for_run(&mut rooms, "late", 1), ["late"]);
    assert!(ask_for_run(&mut rooms, "next", 1).is_empty());
    assert!(
        end(&mut rooms, "mid").is_empty(),
        "`late` has not ended yet"
    );
    assert_eq!(end(&mut rooms, "late"), ["next"]);
}

#[test]
fn a_borrower_that_outlives_its_lender_counts_by_itself() {
    let mut rooms = Rooms::default();
    ask_for_run(&mut rooms, "top", 1);
    link(&mut rooms, "one", "top");
    assert_eq!(ask_for_run(&mut rooms, "one", 1), ["one"]);
    assert!(end(&mut rooms, "top").is_empty());
    assert!(ask_for_run(&mut rooms, "other", 1).is_empty());
    assert_eq!(end(&mut rooms, "one"), ["other"]);
}

#[test]
fn the_oldest_question_that_can_be_answered_is_answered_first() {
    let mut rooms = Rooms::default();
    let mut ask = |step: &str, keys: &[&str]| {
        let of = |key: &&str| Room {
            of: RoomOf::Key((*key).to_owned()),
            max: 1,
        };
        let wanted: Vec<Room> = keys.iter().map(of).collect();
        let asker = (RunId::new("a"), Some(StepPath::new(step)));
        names(rooms.ask(&WorkflowId::new("w"), asker, &wanted))
    };
    assert_eq!(ask("1", &["x"]), ["a/1"]);
    assert_eq!(ask("2", &["y"]), ["a/2"]);
    for (step, keys) in [("3", &["x", "y"][..]), ("4", &["y"]), ("5", &["x"])] {
        assert!(ask(step, keys).is_empty());
    }
    assert_eq!(release(&mut rooms, "a", "2"), ["a/4"]);
    assert!(release(&mut rooms, "a", "4").is_empty(), "`x` is not free");
    assert_eq!(release(&mut rooms, "a", "1"), ["a/3"]);
    assert_eq!(release(&mut rooms, "a", "3"), ["a/5"]);
    assert!(release(&mut rooms, "a", "5").is_empty());
    assert!(!rooms.in_use());
}

#[test]
fn ten_thousand_steps_of_one_run_wait_in_one_line() {
    let mut rooms = Rooms::default();
    for step in 0..10_000 {
        ask(&mut rooms, "a", &format!("{step:05}"), 1);
    }
    for step in 0..9_999 {
        let next = format!("a/{:05}", step + 1);
        assert_eq!(release(&mut rooms, "a", &format!("{step:05}")), [next]);
    }
    release(&mut rooms, "a", "09999");
    assert!(!rooms.in_use());
}
