//! How long a server may be silent: learned from how long it usually is.

use std::time::Duration;

/// Before anything is known. Keep-alives come every 10 to 60 seconds.
const START: Duration = Duration::from_secs(90);
/// However lively a server is, a pause is allowed to be this long.
const LEAST: Duration = Duration::from_secs(30);
/// However quiet it is, a dead connection is found after this.
const MOST: Duration = Duration::from_secs(15 * 60);
/// Silences that long are allowed, in terms of the longest that ended well.
const FACTOR: u32 = 3;

/// What a feed has learned about its server's silences.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Rhythm {
    /// The longest silence that a byte ended.
    longest: Option<Duration>,
    /// Silences in a row that nothing ended: the connection was dead, or the
    /// server has no keep-alive and nothing to say.
    unended: u32,
}

impl Rhythm {
    /// How long nothing may be heard before a connection counts as dead.
    pub(crate) fn patience(&self) -> Duration {
        let learned = self.longest.map_or(START, |longest| longest * FACTOR);
        let doubled = 2u32.saturating_pow(self.unended.min(8));
        learned.max(LEAST).saturating_mul(doubled).min(MOST)
    }

    /// A byte ended this silence.
    pub(crate) fn heard_after(&mut self, silence: Duration) {
        let longest = self.longest.get_or_insert(silence);
        *longest = silence.max(*longest);
        // About as long as usual: the server's beat, so the doubling may end.
        if silence * 2 >= *longest {
            self.unended = 0;
        }
    }

    /// Nothing ended a silence of [`Rhythm::patience`].
    pub(crate) fn gave_up(&mut self) {
        self.unended = self.unended.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seconds(seconds: u64) -> Duration {
        Duration::from_secs(seconds)
    }

    #[test]
    fn three_times_the_longest_keep_alive() {
        let mut rhythm = Rhythm::default();
        assert_eq!(rhythm.patience(), START);
        for silence in [15, 2, 14, 16, 0] {
            rhythm.heard_after(seconds(silence));
        }
        assert_eq!(rhythm.patience(), seconds(48));
    }

    #[test]
    fn within_bounds() {
        let mut rhythm = Rhythm::default();
        rhythm.heard_after(seconds(1));
        assert_eq!(rhythm.patience(), LEAST);
        rhythm.heard_after(seconds(800));
        assert_eq!(rhythm.patience(), MOST);
    }

    #[test]
    fn a_server_without_keep_alive_is_bothered_less_and_less() {
        let mut rhythm = Rhythm::default();
        let mut waits = Vec::new();
        for _ in 0..6 {
            waits.push(rhythm.patience().as_secs());
            rhythm.gave_up();
        }
        assert_eq!(waits, [90, 180, 360, 720, 900, 900]);
    }

    #[test]
    fn a_dead_connection_does_not_spoil_what_was_learned() {
        let mut rhythm = Rhythm::default();
        rhythm.heard_after(seconds(20));
        rhythm.gave_up();
        rhythm.gave_up();
        assert_eq!(rhythm.patience(), seconds(240));
        rhythm.heard_after(seconds(1));
        assert_eq!(rhythm.patience(), seconds(240), "one event is no beat");
        rhythm.heard_after(seconds(19));
        assert_eq!(rhythm.patience(), seconds(60));
    }
}
