//! Lifetimes and windows of one kind of token, checked when the service is built (contract D14).

use std::error::Error;
use std::fmt;
use std::time::Duration;

use crate::ident::Kind;
use crate::limit::LimitError;
use crate::purpose::Purpose;
use crate::token::Format;

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(60 * 60);
const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// The lifetimes, windows and purpose of one kind of token.
///
/// Start from one of the five defaults or from [`Policy::custom`] and change what differs; the builder of
/// [`Tokens`](crate::Tokens) refuses settings that make no sense. A policy is found by the kind of the *record*. The
/// earlier of the record's expiry and the policy's counts: shortening a lifetime works at once, lengthening it from
/// the next login.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    pub(crate) kind: Kind,
    pub(crate) absolute: Duration,
    pub(crate) idle: Option<Duration>,
    pub(crate) rotation: Option<Windows>,
    pub(crate) touch: Duration,
    pub(crate) purpose: Purpose,
    pub(crate) format: Format,
    pub(crate) require_stamp: bool,
    pub(crate) reuse_ends: Scope,
    pub(crate) cached_for: Option<Duration>,
}

/// When a token rotates, and how long its predecessor is still accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Windows {
    /// The least time between two rotations of a confirmed token.
    pub min_interval: Duration,
    /// How long a lost response can be made good.
    pub retry_window: RetryWindow,
    /// How long the predecessor is still accepted after the successor was first presented. It should be as long as
    /// the longest request that may be under way when the client switches.
    pub overlap: Duration,
}

/// How long after a rotation the predecessor still gets the successor, while no client has presented the successor.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RetryWindow {
    /// For this long; with zero, a lost response is never made good.
    For(Duration),
    /// At any time before the expiry, as long as the successor has not been presented.
    UntilConfirmed,
}

/// How much a proven replay ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Scope {
    /// The login that the token belongs to.
    Login,
    /// Everything of the subject.
    Subject,
}

impl Windows {
    /// The windows of [`Policy::remember`] and [`Policy::refresh`]: one minute, until confirmed, 30 seconds.
    pub const DEFAULT: Self = Self {
        min_interval: MINUTE,
        retry_window: RetryWindow::UntilConfirmed,
        overlap: Duration::from_secs(30),
    };
    /// The windows of a kind that does not rotate.
    const NONE: Self = Self {
        min_interval: Duration::ZERO,
        retry_window: RetryWindow::For(Duration::ZERO),
        overlap: Duration::ZERO,
    };
}

impl RetryWindow {
    /// Returns whether the predecessor still gets the successor `elapsed` after the rotation, if it is not confirmed.
    pub(crate) fn covers(self, elapsed: Duration) -> bool {
        match self {
            Self::For(window) => elapsed <= window,
            Self::UntilConfirmed => true,
        }
    }
}

impl Policy {
    /// The longest absolute lifetime: ten years. A longer one is taken for a mistake.
    pub const MAX_ABSOLUTE: Duration = Duration::from_secs(3_660 * 24 * 60 * 60);

    /// Creates a policy for tokens of `kind` that live for `absolute`: no idle expiry, no rotation, "last seen"
    /// precise to the minute.
    #[must_use]
    pub const fn custom(kind: Kind, absolute: Duration) -> Self {
        Self {
            kind,
            absolute,
            idle: None,
            rotation: None,
            touch: MINUTE,
            purpose: Purpose::Device,
            format: Format::Plain,
            require_stamp: false,
            reuse_ends: Scope::Login,
            cached_for: None,
        }
    }

    /// [`Kind::SESSION`]: idle 30 minutes, absolute 12 hours, no rotation.
    ///
    /// Within NIST SP 800-63B-4 for AAL2 (24 hours, 1 hour of inactivity).
    #[must_use]
    pub const fn session() -> Self {
        let mut policy = Self::custom(Kind::SESSION, HOUR.saturating_mul(12));
        policy.idle = Some(MINUTE.saturating_mul(30));
        policy
    }

    /// [`Kind::REMEMBER`]: idle 14 days, absolute 30 days.
    ///
    /// It rotates at most once a minute. A lost response can be made good until the successor is presented; requests
    /// under way have 30 seconds.
    #[must_use]
    pub const fn remember() -> Self {
        let mut policy = Self::custom(Kind::REMEMBER, DAY.saturating_mul(30));
        policy.idle = Some(DAY.saturating_mul(14));
        policy.rotation = Some(Windows::DEFAULT);
        policy
    }

    /// [`Kind::REFRESH`]: idle 30 days, absolute 90 days.
    ///
    /// It rotates at most once a minute. A lost response can be made good until the successor is presented; requests
    /// under way have 30 seconds. After RFC 9700, 4.14.2.
    #[must_use]
    pub const fn refresh() -> Self {
        let mut policy = Self::custom(Kind::REFRESH, DAY.saturating_mul(90));
        policy.idle = Some(DAY.saturating_mul(30));
        policy.rotation = Some(Windows::DEFAULT);
        policy
    }

    /// [`Kind::API_KEY`]: absolute one year, no rotation, "last used" precise to the minute, format `hp_key_` … with
    /// a checksum.
    #[must_use]
    pub const fn api_key() -> Self {
        let mut policy = Self::custom(Kind::API_KEY, DAY.saturating_mul(365));
        policy.purpose = Purpose::Key;
        policy.format = Format::Checked { prefix: "hp_key_" };
        policy
    }

    /// [`Kind::ONE_TIME`]: works once, within 15 minutes.
    #[must_use]
    pub const fn one_time() -> Self {
        let mut policy = Self::custom(Kind::ONE_TIME, MINUTE.saturating_mul(15));
        policy.purpose = Purpose::SingleUse;
        policy
    }

    /// Returns this policy for tokens of another kind, such as `one-time:password-reset`.
    #[must_use]
    pub const fn for_kind(mut self, kind: Kind) -> Self {
        self.kind = kind;
        self
    }

    /// Sets the absolute lifetime: a token expires this long after its issue, however much it is used.
    #[must_use]
    pub const fn absolute(mut self, absolute: Duration) -> Self {
        self.absolute = absolute;
        self
    }

    /// Sets the idle lifetime: a token expires if it is not used for this long.
    #[must_use]
    pub const fn idle(mut self, idle: Option<Duration>) -> Self {
        self.idle = idle;
        self
    }

    /// Sets the windows of rotation; `None` for no rotation.
    #[must_use]
    pub const fn rotation(mut self, windows: Option<Windows>) -> Self {
        self.rotation = windows;
        self
    }

    /// Sets the touch interval: "last seen" and the idle expiry are written at most once in this time.
    #[must_use]
    pub const fn touch(mut self, every: Duration) -> Self {
        self.touch = every;
        self
    }

    /// Sets what the kind is used for.
    #[must_use]
    pub const fn purpose(mut self, purpose: Purpose) -> Self {
        self.purpose = purpose;
        self
    }

    /// Sets the format of the tokens. Tokens in another format are malformed from then on.
    #[must_use]
    pub const fn format(mut self, format: Format) -> Self {
        self.format = format;
        self
    }

    /// Refuses tokens whose record is bound to no stamp.
    #[must_use]
    pub const fn require_stamp(mut self) -> Self {
        self.require_stamp = true;
        self
    }

    /// Whether a token that is bound to no stamp is refused once its subject has one (D4).
    pub(crate) fn refuses_unbound(&self) -> bool {
        self.require_stamp || self.purpose != Purpose::Key
    }

    /// Sets how much a proven replay ends; by default the login.
    #[must_use]
    pub const fn reuse_ends(mut self, scope: Scope) -> Self {
        self.reuse_ends = scope;
        self
    }

    /// Keeps records of this kind in the memory of the node for at most `age`, 60 seconds for instance. Then most
    /// verifications make no call of the store, and an ending is still seen on every node at once, as
    /// [`NearCache`](crate::NearCache) explains.
    ///
    /// From 1 millisecond to 10 minutes; for a kind that rotates at most its [`overlap`](Windows::overlap), within
    /// which a predecessor is accepted anyway. Not for a kind that works once.
    #[must_use]
    pub const fn cached_for(mut self, age: Duration) -> Self {
        self.cached_for = Some(age);
        self
    }

    /// Returns the windows; closed without rotation.
    pub(crate) fn windows(&self) -> Windows {
        self.rotation.unwrap_or(Windows::NONE)
    }

    /// Checks that all settings make sense together, with clocks `max_skew` apart.
    ///
    /// The builder of [`Tokens`](crate::Tokens) calls this. Call it yourself to refuse a setting before a store is
    /// opened.
    ///
    /// # Errors
    /// [`PolicyError`] names the kind and the rule.
    pub fn check(&self, max_skew: Duration) -> Result<(), PolicyError> {
        let rule = |holds: bool, rule: &'static str| match holds {
            true => Ok(()),
            false => Err(PolicyError { kind: self.kind, rule }),
        };
        let whole = |duration: Duration| duration.as_millis() > 0;
        self.format.check().map_err(|LimitError { .. }| PolicyError {
            kind: self.kind,
            rule: "a prefix has 2 to 32 characters of a-z, 0-9 and _, and ends in _",
        })?;
        rule(whole(self.absolute), "the absolute lifetime is at least a millisecond")?;
        rule(self.absolute <= Self::MAX_ABSOLUTE, "the absolute lifetime is at most ten years")?;
        if let Some(idle) = self.idle {
            rule(whole(idle), "the idle lifetime is at least a millisecond")?;
            rule(idle <= self.absolute, "the idle lifetime is at most the absolute one")?;
            rule(self.touch <= idle / 2, "a touch comes at least twice in an idle lifetime")?;
        }
        rule(max_skew <= HOUR, "clocks are at most an hour apart")?;
        if let Some(age) = self.cached_for {
            rule(self.purpose != Purpose::SingleUse, "a single-use token is never kept in a cache")?;
            rule(whole(age), "a cache keeps a record for at least a millisecond")?;
            rule(age <= MINUTE * 10, "a cache keeps a record for at most ten minutes")?;
            let rotates = self.rotation.is_some();
            rule(
                !rotates || age <= self.windows().overlap,
                "a cache keeps a record of a kind that rotates for at most the overlap",
            )?;
        }
        let Some(windows) = self.rotation else { return Ok(()) };
        let wide = |window: Duration| window >= max_skew * 2;
        let shortest = self.idle.unwrap_or(self.absolute);
        rule(self.purpose != Purpose::SingleUse, "a single-use token does not rotate")?;
        rule(windows.overlap <= shortest / 4, "the overlap is at most a quarter of the idle lifetime")?;
        rule(
            windows.min_interval >= windows.overlap * 2,
            "the least interval is at least twice the overlap",
        )?;
        match windows.retry_window {
            RetryWindow::For(window) => {
                rule(window < shortest, "the retry window is shorter than the idle lifetime")?;
                rule(
                    window.is_zero() || wide(window),
                    "the retry window is zero or at least twice the clock skew",
                )?;
                rule(
                    windows.overlap.is_zero() || wide(windows.overlap),
                    "the overlap is zero or at least twice the clock skew",
                )?;
                rule(window >= windows.overlap * 4, "the retry window is at least four times the overlap")
            }
            RetryWindow::UntilConfirmed => rule(
                wide(windows.overlap),
                "the overlap of a window until confirmed is at least twice the clock skew",
            ),
        }
    }
}

/// The error of a policy that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PolicyError {
    kind: Kind,
    rule: &'static str,
}

impl fmt::Display for PolicyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "policy for {} tokens breaks a rule: {}", self.kind, self.rule)
    }
}

impl Error for PolicyError {}

#[cfg(test)]
mod tests {
    use super::*;

    const SKEW: Duration = Duration::from_secs(10);

    #[test]
    fn the_defaults_make_sense() {
        for policy in
            [Policy::session(), Policy::remember(), Policy::refresh(), Policy::api_key(), Policy::one_time()]
        {
            assert_eq!(policy.check(SKEW), Ok(()));
        }
    }

    #[test]
    fn what_makes_no_sense_is_refused_with_its_rule() {
        let windows = Policy::remember().rotation.unwrap();
        let with = |change: fn(&mut Windows)| {
            let mut windows = windows;
            change(&mut windows);
            Policy::remember().rotation(Some(windows))
        };
        let cases = [
            (Policy::session().absolute(Duration::ZERO), "at least a millisecond"),
            (Policy::session().absolute(Duration::from_nanos(1)), "at least a millisecond"),
            (Policy::api_key().absolute(Duration::MAX), "at most ten years"),
            (Policy::session().idle(Some(Duration::ZERO)), "idle lifetime is at least"),
            (Policy::session().idle(Some(HOUR * 13)), "at most the absolute"),
            (Policy::session().touch(MINUTE * 16), "twice in an idle"),
            (with(|w| w.retry_window = RetryWindow::For(DAY * 14)), "shorter than the idle"),
            (with(|w| w.retry_window = RetryWindow::For(Duration::from_secs(19))), "retry window is zero or"),
            (with(|w| w.retry_window = RetryWindow::For(Duration::ZERO)), "four times the overlap"),
            (with(|w| w.retry_window = RetryWindow::For(Duration::from_secs(119))), "four times the overlap"),
            (with(|w| (w.retry_window, w.overlap) = (RetryWindow::For(HOUR), SKEW)), "overlap is zero or"),
            (with(|w| w.overlap = Duration::from_secs(19)), "until confirmed is at least twice"),
            (with(|w| w.overlap = Duration::ZERO), "until confirmed is at least twice"),
            (with(|w| w.min_interval = Duration::from_secs(59)), "twice the overlap"),
            (with(|w| (w.overlap, w.min_interval) = (DAY * 4, DAY * 8)), "a quarter"),
            (Policy::one_time().rotation(Some(windows)), "single-use"),
            (Policy::one_time().cached_for(MINUTE), "single-use token is never kept"),
            (Policy::session().cached_for(Duration::from_nanos(1)), "at least a millisecond"),
            (Policy::session().cached_for(MINUTE * 10 + Duration::from_nanos(1)), "at most ten minutes"),
            (Policy::remember().cached_for(Duration::from_secs(31)), "at most the overlap"),
            (Policy::remember().rotation(Some(Windows::NONE)).cached_for(MINUTE), "at most the overlap"),
            (Policy::api_key().format(Format::Checked { prefix: "X" }), "a prefix has"),
        ];
        for (policy, rule) in cases {
            let error = policy.check(SKEW).unwrap_err().to_string();
            assert!(error.contains(rule), "{error} should name {rule}");
        }
        let strict = Policy::remember().rotation(Some(Windows::NONE));
        assert_eq!(strict.check(SKEW), Ok(()), "zero windows are allowed for strict shops");
        for kept in [Policy::session().cached_for(MINUTE * 10), Policy::remember().cached_for(MINUTE / 2)] {
            assert_eq!(kept.check(SKEW), Ok(()));
        }
        let narrow = with(|w| {
            let second = Duration::from_secs(1);
            (w.retry_window, w.overlap) = (RetryWindow::For(second * 8), second * 2);
        });
        assert_eq!(narrow.check(Duration::from_secs(1)), Ok(()));
        assert_eq!(with(|w| w.retry_window = RetryWindow::For(MINUTE * 2)).check(SKEW), Ok(()));
    }

    #[test]
    fn clocks_that_are_too_far_apart_are_refused_rather_than_overflow() {
        for skew in [HOUR + Duration::from_nanos(1), Duration::MAX] {
            for policy in [Policy::session(), Policy::remember(), Policy::one_time()] {
                assert!(policy.check(skew).unwrap_err().to_string().contains("an hour apart"));
            }
        }
        assert_eq!(Policy::session().check(HOUR), Ok(()));
    }
}
