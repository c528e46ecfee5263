//! What the hub counts, and how a monitor reads it: the Prometheus text format
//! 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
//!
//! The series are few and their number is fixed: no name that a peer chose
//! (topic, uid, token) is in them.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use crate::Hub;

/// The media type of the text.
pub(crate) const CONTENT_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// A number that only grows.
#[derive(Default)]
pub(crate) struct Counter(AtomicU64);

impl Counter {
    pub(crate) fn add(&self, more: u64) {
        self.0.fetch_add(more, Ordering::Relaxed);
    }

    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// Counters of one kind, one for each of fixed reasons.
pub(crate) struct Reasons<const N: usize> {
    names: [&'static str; N],
    counters: [Counter; N],
}

impl<const N: usize> Reasons<N> {
    fn new(names: [&'static str; N]) -> Self {
        Self {
            names,
            counters: std::array::from_fn(|_| Counter::default()),
        }
    }

    /// Counts some; a reason without a counter of its own goes to the last.
    pub(crate) fn add(&self, reason: &str, more: u64) {
        let nth = self.names.iter().position(|name| *name == reason);
        debug_assert!(nth.is_some(), "{reason} has no counter");
        self.counters[nth.unwrap_or(N - 1)].add(more);
    }

    pub(crate) fn each(&self) -> impl Iterator<Item = (&'static str, u64)> {
        self.names
            .iter()
            .copied()
            .zip(self.counters.iter().map(Counter::get))
    }
}

/// A number that grows and shrinks.
#[derive(Default)]
pub(crate) struct Gauge(AtomicU64);

impl Gauge {
    pub(crate) fn grow(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn shrink(&self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }

    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// How long something took, in a few classes.
#[derive(Default)]
pub(crate) struct Durations {
    /// How many fell into each class, and beyond the last.
    classes: [AtomicU64; Self::CLASSES.len() + 1],
    nanoseconds: AtomicU64,
}

impl Durations {
    /// The longest duration of each class, in microseconds.
    const CLASSES: [u32; 12] = [
        250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000, 250_000, 1_000_000,
        5_000_000,
    ];

    pub(crate) fn count(&self, took: Duration) {
        let micros = took.as_micros();
        let class = Self::CLASSES
            .iter()
            .take_while(|longest| u128::from(**longest) < micros)
            .count();
        self.classes[class].fetch_add(1, Ordering::Relaxed);
        let nanoseconds = u64::try_from(took.as_nanos()).unwrap_or(u64::MAX);
        self.nanoseconds.fetch_add(nanoseconds, Ordering::Relaxed);
    }
}

/// What one hub counts while it runs.
pub(crate) struct Metrics {
    pub(crate) opened: Counter,
    /// Streams that a courier carries.
    pub(crate) carried: Gauge,
    pub(crate) ended: Reasons<9>,
    pub(crate) refused: Reasons<9>,
    pub(crate) published: Reasons<4>,
    pub(crate) delivered: Counter,
    pub(crate) read_from_disk: Counter,
    pub(crate) commits: Durations,
}

impl Default for Metrics {
    fn default() -> Self {
        Self {
            opened: Counter::default(),
            carried: Gauge::default(),
            // `left`: the connection ended, also because it took no bytes.
            ended: Reasons::new([
                "left",
                "replayed",
                "shutdown",
                "rotation",
                "disconnected",
                "revoked",
                "replaced",
                "error",
                "other",
            ]),
            refused: Reasons::new([
                "origin",
                "credentials",
                "rights",
                "limit",
                "size",
                "invalid",
                "unknown",
                "unavailable",
                "other",
            ]),
            published: Reasons::new(["stored", "duplicate", "scheduled", "failed"]),
            delivered: Counter::default(),
            read_from_disk: Counter::default(),
            commits: Durations::default(),
        }
    }
}

impl Metrics {
    /// Counts the answer to a request if it is a refusal; `at_the_door` when no
    /// handler saw the request.
    pub(crate) fn answered(&self, status: u16, at_the_door: bool) {
        let reason = match status {
            0..=399 => return,
            401 => "credentials",
            403 if at_the_door => "origin",
            403 => "rights",
            404 | 405 => "unknown",
            413 => "size",
            429 => "limit",
            500.. => "unavailable",
            _ => "invalid",
        };
        self.refused.add(reason, 1);
    }
}

/// Everything a monitor reads, with what the system says of the process.
pub(crate) fn text(hub: &Hub, process: Process) -> String {
    let metrics = hub.metrics();
    let (stats, log) = (*hub.watch().borrow(), hub.log());
    let started = hub.started().as_millisecond();
    let mut out = Text(String::with_capacity(8 * 1024));

    out.family("feedbell_build_info", "gauge", "The version that runs.");
    let version = [("version", env!("CARGO_PKG_VERSION"))];
    out.sample("feedbell_build_info", &version, 1);
    out.family(
        "feedbell_start_time_seconds",
        "gauge",
        "When the hub was opened, in Unix time.",
    );
    out.sample("feedbell_start_time_seconds", &[], milliseconds(started));

    out.gauge("feedbell_subscribers", "Open streams.", stats.subscribers);
    out.gauge(
        "feedbell_subscribers_shared",
        "Open streams that share one loop, instead of a task each.",
        metrics.carried.get(),
    );
    out.gauge(
        "feedbell_subscribers_limit",
        "Most open streams.",
        hub.config().max_streams,
    );
    out.gauge(
        "feedbell_subscribers_lag_events_max",
        "Events that the slowest stream has not looked at yet.",
        hub.greatest_lag(),
    );
    if let Some(node) = hub.node() {
        let state = node.state();
        out.gauge(
            "feedbell_backplane_connected",
            "Whether the engine answers: 1 or 0.",
            u8::from(state.connected),
        );
        out.gauge(
            "feedbell_backplane_publishing",
            "Whether publications are taken: 1 or 0.",
            u8::from(state.open),
        );
        out.gauge(
            "feedbell_backplane_lag_events",
            "Events of the shared log that this node has not copied yet.",
            node.lag(),
        );
        out.gauge(
            "feedbell_backplane_nodes",
            "Nodes that are there.",
            state.nodes.len(),
        );
    }
    out.counter(
        "feedbell_streams_opened_total",
        "Streams that were opened.",
        metrics.opened.get(),
    );
    out.reasons(
        "feedbell_streams_ended_total",
        "Streams that ended, by reason.",
        "reason",
        &metrics.ended,
    );
    out.reasons(
        "feedbell_requests_refused_total",
        "Requests that were refused, by reason.",
        "reason",
        &metrics.refused,
    );
    out.reasons(
        "feedbell_publications_total",
        "What became of publications that reached the log. A scheduled one is stored when it is due.",
        "result",
        &metrics.published,
    );
    out.counter(
        "feedbell_events_delivered_total",
        "Events written into streams, one for each subscriber that gets it.",
        metrics.delivered.get(),
    );

    out.gauge(
        "feedbell_log_events",
        "Events kept for replay.",
        stats.events,
    );
    out.gauge(
        "feedbell_log_bytes",
        "Bytes of their data and addresses.",
        stats.bytes,
    );
    out.gauge(
        "feedbell_log_head",
        "The number of the newest event.",
        log.head(),
    );
    out.gauge(
        "feedbell_log_floor",
        "The number up to which events were given up.",
        log.floor(),
    );
    out.counter(
        "feedbell_log_reads_from_disk_total",
        "Reads of history that was no longer in memory.",
        metrics.read_from_disk.get(),
    );
    out.durations(
        "feedbell_log_commit_seconds",
        "How long the log took to store one group of publications.",
        &metrics.commits,
    );

    let Process { files, most, rss } = process;
    if let Some(files) = files {
        out.gauge("process_open_fds", "Open files and sockets.", files);
    }
    if let Some(most) = most {
        out.gauge("process_max_fds", "Most open files and sockets.", most);
    }
    if let Some(rss) = rss {
        out.gauge(
            "process_resident_memory_bytes",
            "Memory that the process holds.",
            rss,
        );
    }
    out.0
}

/// What the system says of this process; Linux alone says it in files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Process {
    files: Option<u64>,
    most: Option<u64>,
    /// Bytes.
    rss: Option<u64>,
}

impl Process {
    /// Asks; this blocks.
    pub(crate) fn ask() -> Self {
        // The folder itself is open while it is read.
        let files = std::fs::read_dir("/proc/self/fd").ok();
        let files = files.map(|files| (files.count() as u64).saturating_sub(1));
        let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
        let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
        Self {
            files,
            most: after(&limits, "Max open files"),
            rss: after(&status, "VmRSS:").map(|kib| kib * 1024),
        }
    }
}

/// The number that follows `name` at the start of a line.
fn after(text: &str, name: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse().ok()
}

/// Seconds, exactly, of so many milliseconds.
fn milliseconds(milliseconds: i64) -> String {
    let (seconds, rest) = (milliseconds / 1000, milliseconds % 1000);
    format!("{seconds}.{rest:03}")
}

/// The text while it is written.
struct Text(String);

impl Text {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    /// Label values are ours: nothing in them has to be escaped.
    fn sample(&mut self, name: &str, labels: &[(&str, &str)], value: impl std::fmt::Display) {
        self.0.push_str(name);
        for (nth, (label, text)) in labels.iter().enumerate() {
            let before = if nth == 0 { '{' } else { ',' };
            let _ = write!(self.0, "{before}{label}=\"{text}\"");
        }
        if !labels.is_empty() {
            self.0.push('}');
        }
        let _ = writeln!(self.0, " {value}");
    }

    fn gauge(&mut self, name: &str, help: &str, value: impl std::fmt::Display) {
        self.family(name, "gauge", help);
        self.sample(name, &[], value);
    }

    fn counter(&mut self, name: &str, help: &str, value: u64) {
        self.family(name, "counter", help);
        self.sample(name, &[], value);
    }

    fn reasons<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        reasons: &Reasons<N>,
    ) {
        self.family(name, "counter", help);
        for (reason, value) in reasons.each() {
            self.sample(name, &[(label, reason)], value);
        }
    }

    fn durations(&mut self, name: &str, help: &str, durations: &Durations) {
        self.family(name, "histogram", help);
        let bucket = format!("{name}_bucket");
        let mut sum = 0;
        let longest = Durations::CLASSES.iter();
        let ends = longest
            .map(|micros| {
                Duration::from_micros((*micros).into())
                    .as_secs_f64()
                    .to_string()
            })
            .chain(["+Inf".to_owned()]);
        for (end, class) in ends.zip(&durations.classes) {
            sum += class.load(Ordering::Relaxed);
            self.sample(&bucket, &[("le", &end)], sum);
        }
        let took = Duration::from_nanos(durations.nanoseconds.load(Ordering::Relaxed));
        self.sample(&format!("{name}_sum"), &[], took.as_secs_f64());
        self.sample(&format!("{name}_count"), &[], sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_fall_into_classes() {
        let durations = Durations::default();
        for micros in [0, 250, 251, 4_999_999, 5_000_000, 5_000_001] {
            durations.count(Duration::from_micros(micros));
        }
        let mut out = Text(String::new());
        out.durations("x", "Help.", &durations);
        for line in [
            "x_bucket{le=\"0.00025\"} 2",
            "x_bucket{le=\"0.0005\"} 3",
            "x_bucket{le=\"1\"} 3",
            "x_bucket{le=\"5\"} 5",
            "x_bucket{le=\"+Inf\"} 6",
            "x_sum 15.000501",
            "x_count 6",
        ] {
            assert!(out.0.lines().any(|own| own == line), "{line} in {}", out.0);
        }
    }

    #[test]
    fn numbers_of_the_process() {
        let limits = "Limit  Soft Limit\nMax open files            1024    524288  files\n";
        assert_eq!(after(limits, "Max open files"), Some(1024));
        assert_eq!(after("VmRSS:\t   12345 kB\n", "VmRSS:"), Some(12345));
        assert_eq!(after("Max open files unlimited\n", "Max open files"), None);
        assert_eq!(after("", "VmRSS:"), None);
        if cfg!(target_os = "linux") {
            let Process { files, most, rss } = Process::ask();
            assert!(files.unwrap() >= 3 && files < most, "{files:?} {most:?}");
            assert!(rss.unwrap() > 1 << 20);
        }
        assert_eq!(milliseconds(1_763_717_000_042), "1763717000.042");
    }
}
