//! Medians of rounds, as a table in Markdown.

use crate::tally::Faults;

/// What one measurement gave. The first figure is the one that servers are compared by.
#[derive(Clone, Debug)]
pub(crate) struct Measured {
    pub(crate) figures: Vec<(&'static str, f64)>,
    pub(crate) faults: Faults,
    /// What other programs took of all CPUs meanwhile, as a share.
    pub(crate) others: f64,
}

/// One server's rounds of a row, or why one failed.
pub(crate) type Rounds = Result<Vec<Measured>, String>;

/// Whom servers are compared with: the least that there can be.
const LEAST: [&str; 2] = ["raw", "XADD"];

/// The figures of all servers; the first column after the name compares them with the one that does
/// the least, round by round.
pub(crate) fn table(servers: &[(String, Rounds)]) -> String {
    let good = |(_, rounds): &&(String, Rounds)| rounds.as_ref().is_ok_and(|all| !all.is_empty());
    let Some((_, Ok(first))) = servers.iter().find(good) else {
        return "| server | failed |\n| --- | --- |\n".to_owned() + &failed(servers, 0);
    };
    let raw = servers
        .iter()
        .find(|(name, _)| LEAST.contains(&name.as_str()));
    let raw = raw.and_then(|(name, rounds)| Some((name, rounds.as_ref().ok()?)));
    let titles: Vec<_> = first[0].figures.iter().map(|(title, _)| *title).collect();
    let mut out = "| server |".to_owned();
    for title in &titles[..1] {
        out += &format!(" {title} |");
    }
    if let Some((name, _)) = raw {
        out += &format!(" {name} = 1 |");
    }
    for title in &titles[1..] {
        out += &format!(" {title} |");
    }
    out += " wrong |\n| --- |";
    out += &" ---: |".repeat(titles.len() + usize::from(raw.is_some()));
    out += " --- |\n";
    for (name, rounds) in servers {
        let Ok(rounds) = rounds else { continue };
        let column = |nth: usize| median(rounds.iter().map(|round| round.figures[nth].1).collect());
        out += &format!("| {name} | {} |", number(column(0)));
        if let Some((_, raw)) = raw {
            let pairs = rounds.iter().zip(raw);
            let ratios = pairs.map(|(own, raw)| own.figures[0].1 / raw.figures[0].1);
            out += &format!(" {:.2} |", median(ratios.collect()));
        }
        for nth in 1..titles.len() {
            out += &format!(" {} |", number(column(nth)));
        }
        out += &format!(" {} |\n", wrong(rounds));
    }
    out += &failed(servers, titles.len() + usize::from(raw.is_some()));
    let rounds = servers
        .iter()
        .filter_map(|(_, rounds)| rounds.as_ref().ok());
    let others = median(rounds.flatten().map(|round| round.others * 100.0).collect());
    if others > 5.0 {
        out +=
            &format!("\nOther work had {others:.0} % of the CPUs meanwhile: trust rates little.\n");
    }
    out
}

fn failed(servers: &[(String, Rounds)], columns: usize) -> String {
    let failed = servers.iter().filter_map(|(name, rounds)| {
        let why = rounds.as_ref().err()?.replace('|', "/").replace('\n', " ");
        Some(format!("| {name} |{} {why} |\n", " |".repeat(columns)))
    });
    failed.collect()
}

/// What was wrong in all rounds together.
fn wrong(rounds: &[Measured]) -> String {
    let sum = |of: fn(&Faults) -> u64| rounds.iter().map(|round| of(&round.faults)).sum::<u64>();
    let kinds = [
        (sum(|faults| faults.lost), "lost"),
        (sum(|faults| faults.twice), "twice"),
        (sum(|faults| faults.disorder), "out of order"),
        (sum(|faults| faults.strange), "strange"),
    ];
    let kinds = kinds.iter().filter(|(count, _)| *count > 0);
    let text: Vec<_> = kinds
        .map(|(count, what)| format!("{} {what}", many(*count as usize)))
        .collect();
    if text.is_empty() {
        "nothing".to_owned()
    } else {
        text.join(", ")
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    if values.len() % 2 == 1 {
        values[middle]
    } else {
        (values[middle - 1] + values[middle]) / 2.0
    }
}

/// To three digits or so.
fn number(value: f64) -> String {
    match value.abs() {
        large if large >= 100.0 => {
            let sign = if value < 0.0 { "−" } else { "" };
            format!("{sign}{}", many(large.round() as usize))
        }
        middle if middle >= 10.0 => format!("{value:.1}"),
        _ => format!("{value:.2}"),
    }
}

/// With commas between thousands.
pub(crate) fn many(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}
