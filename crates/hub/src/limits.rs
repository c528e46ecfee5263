//! How often something may be done: buckets of tries, one for each who tries.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::Rate;

/// Most who are counted each for themselves; the others share one bucket.
const MOST: usize = 10_000;
/// For how many seconds somebody may have to wait for what they did elsewhere.
const LONGEST_DEBT: f64 = 3600.0;

/// Buckets of one size.
pub(crate) struct Buckets<K> {
    rate: Rate,
    inner: Mutex<Inner<K>>,
}

struct Inner<K> {
    each: HashMap<K, Bucket>,
    others: Bucket,
    /// When full buckets were last thrown out, in Unix milliseconds.
    tidied: i64,
}

#[derive(Clone, Copy)]
struct Bucket {
    left: f64,
    /// When `left` was right, in Unix milliseconds.
    at: i64,
    /// Tries that the other nodes have not been told of.
    spent: u32,
}

impl<K: Eq + Hash> Buckets<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        let others = Bucket {
            left: f64::from(rate.burst),
            at: i64::MIN,
            spent: 0,
        };
        Self {
            rate,
            inner: Mutex::new(Inner {
                each: HashMap::new(),
                others,
                tidied: i64::MIN,
            }),
        }
    }

    /// Takes `count` tries at once, or says how long to wait for the first.
    /// More than are left are a debt, so that a large batch goes through once
    /// and is paid for afterwards.
    pub(crate) fn take(&self, who: K, count: u32, now: i64) -> Result<(), Duration> {
        self.with(who, now, |bucket| {
            if count > 0 && bucket.left < 1.0 {
                return Err(1.0 - bucket.left);
            }
            bucket.left -= f64::from(count);
            bucket.spent = bucket.spent.saturating_add(count);
            Ok(())
        })
        .map_err(|missing| {
            let seconds = missing / self.rate.per_second.max(f64::MIN_POSITIVE);
            Duration::try_from_secs_f64(seconds.min(86_400.0)).unwrap_or(Duration::from_secs(1))
        })
    }

    /// Whether a try would be refused, without taking one.
    pub(crate) fn is_empty(&self, who: K, now: i64) -> bool {
        self.with(who, now, |bucket| bucket.left < 1.0)
    }

    /// Takes tries that were made elsewhere, also when none are left; what has to
    /// be paid for afterwards is bounded.
    pub(crate) fn owe(&self, who: K, count: u32, now: i64) {
        let most = f64::from(self.rate.burst) + LONGEST_DEBT * self.rate.per_second;
        let inner = self.lock();
        if inner.each.len() >= MOST && !inner.each.contains_key(&who) {
            return;
        }
        drop(inner);
        self.with(who, now, |bucket| {
            // A large batch of their own may be a greater debt.
            let least = bucket.left.min(-most);
            bucket.left = (bucket.left - f64::from(count)).max(least);
        });
    }

    /// The tries of each since the last time, of at most so many who tried; those
    /// of the others come next time.
    pub(crate) fn spent(&self, most: usize) -> Vec<(K, u32)>
    where
        K: Clone,
    {
        let mut inner = self.lock();
        let spent = inner.each.iter().filter(|(_, bucket)| bucket.spent > 0);
        let mut spent: Vec<_> = spent
            .map(|(who, bucket)| (who.clone(), bucket.spent))
            .collect();
        if spent.len() > most {
            spent.sort_unstable_by_key(|(_, count)| std::cmp::Reverse(*count));
            spent.truncate(most);
        }
        for (who, _) in &spent {
            if let Some(bucket) = inner.each.get_mut(who) {
                bucket.spent = 0;
            }
        }
        spent
    }

    fn lock(&self) -> MutexGuard<'_, Inner<K>> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn with<T>(&self, who: K, now: i64, then: impl FnOnce(&mut Bucket) -> T) -> T {
        let mut inner = self.lock();
        let Inner {
            each,
            others,
            tidied,
        } = &mut *inner;
        if each.len() >= MOST && now.abs_diff(*tidied) >= 1000 {
            *tidied = now;
            each.retain(|_, bucket| !self.rate.is_full(bucket.refilled(&self.rate, now)));
        }
        let full = Bucket {
            left: f64::from(self.rate.burst),
            at: now,
            spent: 0,
        };
        let bucket = if each.len() < MOST || each.contains_key(&who) {
            each.entry(who).or_insert(full)
        } else {
            others
        };
        *bucket = bucket.refilled(&self.rate, now);
        then(bucket)
    }
}

impl Bucket {
    fn refilled(mut self, rate: &Rate, now: i64) -> Self {
        let passed = now.saturating_sub(self.at).max(0);
        // Milliseconds of a century are exact in a float.
        #[expect(clippy::cast_precision_loss, reason = "far from 2^52")]
        let back = passed as f64 / 1000.0 * rate.per_second;
        self.left = (self.left + back).min(f64::from(rate.burst));
        self.at = now;
        self
    }
}

impl Rate {
    fn is_full(&self, bucket: Bucket) -> bool {
        bucket.left >= f64::from(self.burst)
    }
}

/// Whose tries count together: one IPv4 address, or one network of IPv6, as
/// each subscriber line has a whole one of those.
pub(crate) fn neighbourhood(ip: IpAddr) -> IpAddr {
    match ip.to_canonical() {
        IpAddr::V6(ip) => Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into(),
        v4 @ IpAddr::V4(_) => v4,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RATE: Rate = Rate {
        burst: 3,
        per_second: 2.0,
    };

    #[test]
    fn a_bucket_empties_and_fills() {
        let buckets = Buckets::new(RATE);
        for _ in 0..3 {
            assert_eq!(buckets.take("a", 1, 1000), Ok(()));
        }
        assert_eq!(
            buckets.take("a", 1, 1000),
            Err(Duration::from_millis(500)),
            "half a second for one"
        );
        assert_eq!(buckets.take("a", 0, 1000), Ok(()), "nothing is always left");
        assert!(buckets.is_empty("a", 1499));
        assert_eq!(buckets.take("b", 1, 1000), Ok(()), "each for themselves");
        assert_eq!(buckets.take("a", 1, 1500), Ok(()));
        assert!(buckets.take("a", 1, 0).is_err(), "a clock that is set back");
        assert_eq!(buckets.take("a", 9, 100_000), Ok(()), "a debt");
        assert_eq!(
            buckets.take("a", 1, 100_000),
            Err(Duration::from_millis(3500))
        );
    }

    #[test]
    fn many_who_try_cost_bounded_memory() {
        let buckets = Buckets::new(RATE);
        for who in 0..MOST {
            assert_eq!(buckets.take(who, 1, 1000), Ok(()));
        }
        // All others together have one bucket.
        let passed = (MOST..2 * MOST)
            .filter(|who| buckets.take(*who, 1, 1000).is_ok())
            .count();
        assert_eq!(passed, 3);
        assert_eq!(buckets.inner.lock().unwrap().each.len(), MOST);
        // Who was known still has what was left.
        assert_eq!(buckets.take(0, 1, 1000), Ok(()));
        // When the buckets are full again they are thrown out.
        assert_eq!(buckets.take(2 * MOST, 1, 10_000), Ok(()));
        assert_eq!(buckets.inner.lock().unwrap().each.len(), 1);
    }

    #[test]
    fn what_was_done_elsewhere_is_paid_for_here() {
        let (here, there) = (Buckets::new(RATE), Buckets::new(RATE));
        for _ in 0..2 {
            assert_eq!(here.take("a", 1, 1000), Ok(()));
        }
        assert_eq!(here.take("b", 7, 1000), Ok(()));
        let mut spent = here.spent(1);
        assert_eq!(spent, [("b", 7)], "the most first");
        spent.extend(here.spent(10));
        assert_eq!(spent, [("b", 7), ("a", 2)]);
        assert_eq!(here.spent(10), []);
        for (who, count) in spent {
            there.owe(who, count, 1000);
        }
        assert_eq!(there.take("a", 1, 1000), Ok(()));
        assert!(there.take("a", 1, 1000).is_err());
        assert_eq!(there.take("b", 1, 1000), Err(Duration::from_millis(2500)));
        assert_eq!(
            there.spent(10),
            [("a", 1)],
            "what is owed is not told again"
        );
        // However much is owed, that has an end.
        there.owe("a", u32::MAX, 1000);
        let wait = there.take("a", 1, 1000).unwrap_err();
        assert!(wait > Duration::from_secs(3600) && wait < Duration::from_secs(3610));
    }

    #[test]
    fn neighbours_share() {
        let same = |a: &str, b: &str| {
            neighbourhood(a.parse().unwrap()) == neighbourhood(b.parse().unwrap())
        };
        assert!(same("2001:db8::1", "2001:db8::2:3:4:5"));
        assert!(!same("2001:db8::1", "2001:db8:0:1::1"));
        assert!(same("::ffff:192.0.2.1", "192.0.2.1"));
        assert!(!same("192.0.2.1", "192.0.2.2"));
    }
}
