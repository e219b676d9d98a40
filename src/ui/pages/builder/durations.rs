//! How long something may take, in units that people say: "30 seconds". The draft has milliseconds.

use leptos::prelude::*;

use super::fields::{FieldOf, Frame, Held};
use crate::engine::workflow::Timeout;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unit {
    Milliseconds,
    Seconds,
    Minutes,
    Hours,
    Days,
    /// For what may wait as long as it likes.
    ForEver,
}

impl Unit {
    const ALL: [(Unit, &'static str, &'static str); 6] = [
        (Unit::Milliseconds, "ms", "milliseconds"),
        (Unit::Seconds, "s", "seconds"),
        (Unit::Minutes, "min", "minutes"),
        (Unit::Hours, "h", "hours"),
        (Unit::Days, "d", "days"),
        (Unit::ForEver, "never", "no limit"),
    ];

    fn ms(self) -> u64 {
        match self {
            Unit::Milliseconds | Unit::ForEver => 1,
            Unit::Seconds => 1_000,
            Unit::Minutes => 60_000,
            Unit::Hours => 3_600_000,
            Unit::Days => 86_400_000,
        }
    }

    fn read(word: &str) -> Unit {
        let found = Unit::ALL.iter().find(|(_, of, _)| *of == word);
        found.map_or(Unit::Seconds, |(unit, _, _)| *unit)
    }
}

/// What is typed, and the unit that is chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Typed {
    text: String,
    unit: Unit,
}

/// In the largest unit in which it is a whole number.
fn shown(duration: Option<Timeout>) -> Typed {
    let (text, unit) = match duration {
        None => (String::new(), Unit::Seconds),
        Some(Timeout::Never) => (String::new(), Unit::ForEver),
        Some(Timeout::Ms(0)) => ("0".to_owned(), Unit::Seconds),
        Some(Timeout::Ms(ms)) => {
            let units = [Unit::Days, Unit::Hours, Unit::Minutes, Unit::Seconds];
            let unit = units.into_iter().find(|unit| ms % unit.ms() == 0);
            let unit = unit.unwrap_or(Unit::Milliseconds);
            ((ms / unit.ms()).to_string(), unit)
        }
    };
    Typed { text, unit }
}

/// None of nothing. The error is a sentence.
fn read(typed: &Typed) -> Result<Option<Timeout>, String> {
    let text = typed.text.trim();
    if typed.unit == Unit::ForEver {
        return Ok(Some(Timeout::Never));
    }
    if text.is_empty() {
        return Ok(None);
    }
    let kept = "The time before it is kept.";
    let not_a_number = || format!("This is not a number, such as 30 or 1.5. {kept}");
    let (whole, fraction) = text.split_once(['.', ',']).unwrap_or((text, ""));
    let digits = |part: &str| part.bytes().all(|byte| byte.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.is_empty() || fraction.len() > 9 {
        return Err(not_a_number());
    }
    let parts = whole.parse::<u64>().ok();
    let whole = parts.and_then(|whole| whole.checked_mul(typed.unit.ms()));
    let scale = 10_u64.pow(u32::try_from(fraction.len()).unwrap_or(9));
    let fraction: u64 = fraction.parse().unwrap_or(0);
    let part = u128::from(fraction) * u128::from(typed.unit.ms()) / u128::from(scale);
    let ms = whole.zip(u64::try_from(part).ok());
    let ms = ms.and_then(|(whole, part)| whole.checked_add(part));
    // As large as JSON numbers are exact.
    match ms.filter(|ms| *ms < 1 << 53) {
        Some(ms) => Ok(Some(Timeout::Ms(ms))),
        None => Err(format!("This is too long. {kept}")),
    }
}

/// A number and its unit. `for_ever`: what may also wait without a limit.
pub(super) fn duration_field(of: FieldOf, for_ever: bool, value: Held<Option<Timeout>>) -> AnyView {
    let label = of.label.clone();
    let current = value.memo();
    let typed = RwSignal::new(shown(current.get_untracked()));
    // Taken back, or changed elsewhere.
    Effect::new(move || {
        let now = current.get();
        if typed.with_untracked(|typed| read(typed) != Ok(now)) {
            typed.set(shown(now));
        }
    });
    let frame = Frame::with_problem(of, move || typed.with(|typed| read(typed).err()));
    let (id, hint, invalid) = (frame.id.clone(), frame.hint.clone(), frame.invalid());
    let change = StoredValue::new(move |new: Typed| {
        if let Ok(duration) = read(&new) {
            value.set(duration);
        }
        typed.set(new);
    });
    let type_in = move |text: String| {
        let unit = typed.with_untracked(|typed| typed.unit);
        change.with_value(|change| change(Typed { text, unit }));
    };
    let choose = move |word: String| {
        let text = typed.with_untracked(|typed| typed.text.clone());
        let unit = Unit::read(&word);
        change.with_value(|change| change(Typed { text, unit }));
    };
    let is = move |unit: Unit| typed.with(|typed| typed.unit == unit);
    let begun = typed.with_untracked(|typed| typed.unit);
    let options: Vec<_> = Unit::ALL
        .into_iter()
        .filter(|(unit, _, _)| for_ever || *unit != Unit::ForEver || *unit == begun)
        .map(|(unit, word, text)| view! { <option value=word prop:selected=move || is(unit)>{text}</option> })
        .collect();
    let control = view! {
        <div class="duration-field">
            <input id=id class="number" inputmode="decimal" autocomplete="off" aria-describedby=hint aria-invalid=invalid disabled=move || is(Unit::ForEver)
                prop:value=move || typed.with(|typed| typed.text.clone()) on:input:target=move |event| type_in(event.target().value()) />
            <select aria-label=format!("Unit of {label}") on:change:target=move |event| choose(event.target().value())>{options}</select>
        </div>
    };
    frame.around(control.into_any())
}

/// For parts of the draft that are milliseconds and nothing else.
pub(super) fn in_ms(value: Held<Option<u64>>) -> Held<Option<Timeout>> {
    value.shown_as(
        |ms| ms.map(Timeout::Ms),
        |duration| match duration {
            Some(Timeout::Ms(ms)) => Some(ms),
            Some(Timeout::Never) | None => None,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(text: &str, unit: Unit) -> Typed {
        Typed {
            text: text.to_owned(),
            unit,
        }
    }

    #[test]
    fn a_duration_is_shown_in_the_largest_unit_that_fits_and_read_back() {
        for (ms, text, unit) in [
            (0, "0", Unit::Seconds),
            (1, "1", Unit::Milliseconds),
            (1_500, "1500", Unit::Milliseconds),
            (15_000, "15", Unit::Seconds),
            (90_000, "90", Unit::Seconds),
            (120_000, "2", Unit::Minutes),
            (7_200_000, "2", Unit::Hours),
            (2_592_000_000, "30", Unit::Days),
        ] {
            let duration = Some(Timeout::Ms(ms));
            assert_eq!(shown(duration), typed(text, unit));
            assert_eq!(read(&typed(text, unit)), Ok(duration));
        }
        for duration in [None, Some(Timeout::Never)] {
            assert_eq!(read(&shown(duration)), Ok(duration));
        }
    }

    #[test]
    fn fractions_are_read_and_what_is_no_number_is_said() {
        let ms = |text: &str, unit| read(&typed(text, unit));
        assert_eq!(ms("1.5", Unit::Seconds), Ok(Some(Timeout::Ms(1_500))));
        assert_eq!(ms("0,5", Unit::Minutes), Ok(Some(Timeout::Ms(30_000))));
        assert_eq!(ms(" 2. ", Unit::Hours), Ok(Some(Timeout::Ms(7_200_000))));
        for bad in [
            "soon",
            "-1",
            "1e3",
            "1.2.3",
            ".",
            "99999999999999999999",
            "9007199254740992",
        ] {
            assert!(ms(bad, Unit::Milliseconds).is_err(), "{bad}");
        }
    }
}
