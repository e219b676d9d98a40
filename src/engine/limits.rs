//! Every bound of the engine in one place: the unit is in the name, the reason beside it.

/// A workflow's steps, synthetic gates included. The viewer is built for runs of this size.
pub const STEPS_MAX: usize = 10_000;
/// Edges of one workflow; a hundredfold fan-out of a hundred steps still fits.
pub const EDGES_MAX: usize = 20_000;
/// The text of a whole workflow. Larger ones are data in disguise.
pub const DEFINITION_BYTES_MAX: usize = 1_000_000;
/// Problems of one workflow that are reported one by one: nobody mends more in one go.
pub const PROBLEMS_MAX: usize = 200;
/// Circles that are named one by one: a dense graph has more of them than steps.
pub const CYCLES_MAX: usize = 20;
/// One expression's source text: a condition that is longer wants a `transform` of its own.
pub const EXPRESSION_BYTES_MAX: usize = 4_096;
/// Words, numbers and signs in all expressions of a workflow: the parser takes some microseconds for each, and who writes
/// waits for all of them.
pub const EXPRESSION_TOKENS_MAX: usize = 8_000;
/// How deep brackets may nest in an expression: the parser recurses.
pub const EXPRESSION_DEPTH_MAX: usize = 32;
/// Levels of a parsed expression, which the evaluator descends one call each: `a + b + c` has three. An expression
/// that is let through needs a fraction of the smallest stack it may be evaluated on (2 MiB; 1 MiB in the browser).
pub const EXPRESSION_LEVELS_MAX: usize = 200;
/// Operators, fields and brackets in a row before an expression is parsed at all: the parser descends one call each, and
/// two thousand of them are more than a browser's stack. What is counted by the text is counted generously (`==` twice).
pub const EXPRESSION_CHAIN_MAX: usize = 2 * EXPRESSION_LEVELS_MAX;
/// How often conditions are tried to find out whether they can only go one way. A request has five hundred statuses that
/// may be expected, and the costliest condition takes a tenth of a millisecond.
pub const WARNING_EVALUATIONS_MAX: u64 = 1_000;
/// How deep a `with`, `set` or input value may nest.
pub const VALUE_DEPTH_MAX: usize = 64;
/// One step's output or one run's input, as JSON text. Larger results belong into an artifact.
pub const OUTPUT_BYTES_MAX: usize = 1_000_000;
/// From so many bytes of JSON text on, a value is kept apart from the event that holds it, and shown on request. A page
/// of the database and of a screen hold about this much.
pub const LARGE_VALUE_BYTES: usize = 16_384;
/// Names, labels and titles, so that lists stay readable.
pub const NAME_CHARS_MAX: usize = 200;
/// A person's comment on a decision.
pub const COMMENT_CHARS_MAX: usize = 4_000;
/// What a person says about a version: the first lines of a commit message.
pub const NOTE_CHARS_MAX: usize = 1_000;
/// An error message kept in the log; the rest is cut and marked so.
pub const MESSAGE_CHARS_MAX: usize = 4_000;
/// Total tries of one step, the first included.
pub const ATTEMPTS_MAX: u32 = 100;
/// The longest pause between two tries: a day.
pub const RETRY_CAP_MS_MAX: u64 = 86_400_000;
/// The longest a single attempt may take: a day. Longer work is an external step.
pub const STEP_TIMEOUT_MS_MAX: u64 = 86_400_000;
/// The longest a gate, a wait or an external step may take: ten years, so that nobody needs a trick for "long".
pub const GATE_TIMEOUT_MS_MAX: u64 = 315_360_000_000;
/// The longest a run may take: as long as a gate may wait.
pub const RUN_TIMEOUT_MS_MAX: u64 = GATE_TIMEOUT_MS_MAX;
/// Attempts of one run in flight at once unless the workflow says otherwise.
pub const IN_FLIGHT_DEFAULT: u32 = 256;
/// How long running tools may take to stop after a cancel before they are abandoned.
pub const CANCEL_GRACE_MS: u64 = 10_000;
/// Total share of a step in its run's progress.
pub const WEIGHT_MAX: u32 = 1_000;
/// How often the process may die under one step before the step is blamed for it.
pub const INTERRUPTIONS_MAX: usize = 20;
/// How long a gate, a wait or an external step has when it does not say: a month. What may wait for ever says `never`.
pub const WAIT_TIMEOUT_MS_DEFAULT: u64 = 2_592_000_000;
/// Lists and objects inside each other in the text of a workflow: a value as deep as values may be, inside bodies as deep
/// as bodies may be.
pub const DOCUMENT_DEPTH_MAX: usize = 84;
/// Items of one map, rounds of one loop: the viewer is built for runs of this size.
pub const ITERATIONS_MAX: usize = 10_000;
/// Steps of one run over all its iterations: nested maps multiply.
pub const STEP_RUNS_MAX: usize = 50_000;
/// Items of a map under way at once when it does not say.
pub const MAP_PARALLEL_DEFAULT: u32 = 32;
/// How deep maps and loops may nest.
pub const BODY_DEPTH_MAX: usize = 4;
/// How often a waiting step asks its tool when it does not say, and the least it may wait in between.
pub const POLL_EVERY_MS_DEFAULT: u64 = 10_000;
pub const POLL_EVERY_MS_MIN: u64 = 100;
/// How deep runs may start runs. A workflow that calls itself ends here.
pub const RUN_DEPTH_MAX: u32 = 16;
/// Runs that one run may start in all: its steps, the steps of those, and so on.
pub const RUN_DESCENDANTS_MAX: u32 = 10_000;
/// The code of a failure that somebody outside reports: a word that programs branch on.
pub const ERROR_CODE_CHARS_MAX: usize = 64;
/// Outputs that a fork takes over, as JSON text in all.
pub const KEPT_BYTES_MAX: usize = 16_000_000;
/// Values that the log of one run holds in all, as JSON text: inputs, outputs, items, what gates show. A run is kept in
/// memory while it goes on, and one turn may add all of it at once. Undoing may take as much again.
pub const RUN_VALUE_BYTES_MAX: u64 = 64_000_000;
/// What the nested macros of one evaluation may go through in all: a list of a thousand against another one.
pub const EXPRESSION_ITERATIONS_MAX: u64 = 1_000_000;
/// Values that one evaluation may gather in lists and objects, and texts that it may make, on its way to its result.
pub const EXPRESSION_VALUE_BYTES_MAX: u64 = 16_000_000;
/// A length that a picture is drawn with, so that the coordinates of the largest workflow stay numbers of 32 bits.
pub const PICTURE_SIZE_PX_MAX: i32 = 2_000;
/// Dummy nodes of one body's picture, for each step and edge and in all: one for every row that an edge passes. Edges for
/// which there are none left run at the side. No workflow that a person draws comes near it.
pub const PICTURE_DUMMIES_PER_PART: usize = 8;
pub const PICTURE_DUMMIES_MAX: usize = 20_000;
/// How often the rows of a picture are ordered anew, at most, and what is ordered in all of these sweeps together.
pub const PICTURE_SWEEPS_MAX: usize = 24;
pub const PICTURE_SWEEP_PARTS: usize = 40_000;
/// Test cases of one workflow: what a person still reads through.
pub const CASES_MAX: usize = 100;
/// One case as JSON text: a case holds what every tool answers.
pub const CASE_BYTES_MAX: usize = 250_000;
/// Events of one rehearsal, and its turns: a map of ten thousand items with a retry each fits, and a browser holds it.
pub const REHEARSAL_EVENTS_MAX: u32 = 100_000;
/// What a run is found by: the beginning of its input, which is what people remember of it.
pub const RUN_SEARCH_CHARS_MAX: usize = 4_000;
/// Words that are looked for at once: each is looked for in every run.
pub const LISTING_WORDS_MAX: usize = 10;
/// One field of such a list: the name of a trigger fits, with what stands before it.
pub const LISTING_FIELD_CHARS_MAX: usize = 250;
/// As far as the query of a list is read: all its fields at their longest, also when every letter has to be escaped.
pub const LISTING_QUERY_BYTES_MAX: usize = 16_000;
/// Filters of the list of runs that have a name: what still fits above the list.
pub const SAVED_FILTERS_MAX: u32 = 50;
/// Runs that are cancelled or retried at once: as many as somebody has looked through before.
pub const BULK_RUNS_MAX: usize = 100;
/// One line of a step's log; the rest of a longer one is cut off and marked so. A stack trace as JSON still fits.
pub const LOG_LINE_BYTES_MAX: usize = 16_384;
/// Lines and bytes of one attempt's log: what a person still looks through, and what a page can be asked to search.
pub const LOG_LINES_MAX: u32 = 10_000;
pub const LOG_BYTES_MAX: u64 = 4_194_304;
/// All logs of a run together: sixteen that are full, or a few lines of each of ten thousand steps.
pub const LOGS_OF_RUN_BYTES_MAX: u64 = 67_108_864;
