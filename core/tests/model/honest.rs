//! The world of one client that behaves.

use hallpass_core::Rejected;
use hallpass_core::rotation::{Decision, Request, StampCheck, Successor};

use crate::explorer::{Next, World};
use crate::row::{Row, Setting, aged};

pub(crate) const REFUSED: &str = "an honest client was refused";
pub(crate) const WENT_BACK: &str = "an honest client's newer cookie was overwritten by an older one";

/// A client and its login.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct Honest {
    row: Row,
    /// The token in the cookie jar.
    jar: u8,
    /// Sorted, because the order does not matter.
    requests: [Option<Flight>; 3],
    /// The time since the last loss.
    loss: i8,
}

/// A request under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
struct Flight {
    /// The time since the request left the client, or the response left the server.
    age: i8,
    rotate: bool,
    /// Whether it carries the session that came with the token, instead of the token itself.
    session: bool,
    leg: Leg,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Leg {
    /// On its way to the server, with this token.
    Out(u8),
    /// On its way back, with a successor if there is one.
    Back(Option<u8>),
}

impl World for Honest {
    fn start(setting: &Setting) -> Self {
        Self { row: Row::default(), jar: 0, requests: [None; 3], loss: setting.loss }
    }

    fn steps(&self, setting: &Setting, next: Next<'_, Self>) {
        if let Some(after) = self.tick(setting) {
            next(format_args!("a tick"), Ok(after));
        }
        for &clock in setting.clocks {
            let mut after = *self;
            after.row.touch(setting, clock);
            next(format_args!("another write"), Ok(after));
        }
        if self.requests.iter().flatten().count() < setting.parallel {
            for rotate in [true, false].into_iter().filter(|rotate| self.may_send(setting, *rotate)) {
                let request = Flight { age: 0, rotate, session: false, leg: Leg::Out(self.jar) };
                next(format_args!("{request:?} is sent"), Ok(self.with(request)));
            }
            if setting.retry.is_none() {
                let request = Flight { age: 0, rotate: false, session: true, leg: Leg::Out(self.jar) };
                next(format_args!("{request:?} is sent"), Ok(self.with(request)));
            }
        }
        for (slot, request) in self.requests.into_iter().enumerate() {
            let Some(request) = request else { continue };
            let without = self.without(slot);
            match request.leg {
                Leg::Out(token) => {
                    for &clock in setting.clocks {
                        match request.session {
                            true => without.use_session(setting, token, clock, next),
                            false => without.arrive(setting, token, request.rotate, clock, next),
                        }
                    }
                }
                Leg::Back(brings) => {
                    let jar = brings.unwrap_or(self.jar);
                    let after =
                        if jar > self.jar { Err(WENT_BACK.into()) } else { Ok(Self { jar, ..without }) };
                    next(format_args!("{request:?} is received"), after);
                }
            }
            if self.loss >= setting.loss {
                next(format_args!("{request:?} is lost"), Ok(Self { loss: 0, ..without }));
            }
        }
    }
}

impl Honest {
    fn with(mut self, request: Flight) -> Self {
        if let Some(free) = self.requests.iter_mut().find(|request| request.is_none()) {
            *free = Some(request);
        }
        self.requests.sort_unstable();
        self
    }

    fn without(mut self, slot: usize) -> Self {
        self.requests[slot] = None;
        self.requests.sort_unstable();
        self
    }

    /// Advances time by a tick, unless a request or response must arrive first.
    fn tick(mut self, setting: &Setting) -> Option<Self> {
        for request in self.requests.iter_mut().flatten() {
            request.age += 1;
        }
        self.row.tick(setting);
        self.loss = (self.loss + 1).min(setting.loss);
        self.requests.iter().flatten().all(|request| request.age <= setting.leg).then_some(self)
    }

    /// Returns whether the client may send this and still fulfil the conditions of D16: while a successor may be
    /// missing, it asks for the successor, and in time. As long as such a request is under way, it may send anything
    /// else.
    fn may_send(&self, setting: &Setting, rotate: bool) -> bool {
        if setting.retry.is_none() {
            return true;
        }
        let in_time = self.row.rotated.is_none_or(|rotated| rotated <= setting.back);
        let asks = self.requests.iter().flatten().any(|request| request.rotate);
        self.jar == 0 || asks || rotate && in_time
    }

    /// A request has reached a node whose clock shows `clock`.
    fn arrive(&self, setting: &Setting, token: u8, rotate: bool, clock: i8, next: Next<'_, Self>) {
        let ask = if rotate { Request::Rotate } else { Request::Verify };
        let back = |brings| Flight { age: 0, rotate, session: false, leg: Leg::Back(brings) };
        for &stamp in setting.stamps {
            let decision = setting.ask(&self.row, token, ask, clock, stamp);
            let name =
                format_args!("{ask:?} with token {token} arrives (clock {clock}, {stamp:?}): {decision:?}");
            let (confirm, successor) = match decision {
                Decision::Accept { confirm, successor, .. } => (confirm, successor),
                // The login is not ended: the same token is valid again once the replica has caught up.
                Decision::Reject { rejected: Rejected::StampMismatch, end: None }
                    if stamp == StampCheck::Differs =>
                {
                    next(name, Ok(self.with(back(None))));
                    continue;
                }
                _ => {
                    next(name, Err(format!("{REFUSED}: {decision:?}")));
                    continue;
                }
            };
            let mut after = *self;
            if after.row.write(confirm, successor, clock) {
                after.rotated();
            }
            let brings = if successor == Successor::None { None } else { Some(0) };
            next(name, Ok(after.with(back(brings))));
            if confirm || successor == Successor::New {
                // The token is valid although the write failed, but there is no new one (D12).
                next(format_args!("{name}, but the write fails"), Ok(self.with(back(None))));
            }
        }
    }

    /// A session has reached a node. It was sent with the token that the client now holds (D5a).
    fn use_session(&self, setting: &Setting, token: u8, clock: i8, next: Next<'_, Self>) {
        let answer = Flight { age: 0, rotate: false, session: true, leg: Leg::Back(None) };
        let mut after = *self;
        if (setting.session_confirms)(token) {
            after.row.confirm(clock);
        }
        next(format_args!("the session of token {token} arrives (clock {clock})"), Ok(after.with(answer)));
        // If the confirmation could not be written, the next use tries again.
        next(format_args!("it does, but the write fails"), Ok(self.with(answer)));
    }

    /// Makes every existing token one generation older.
    fn rotated(&mut self) {
        self.jar = aged(self.jar);
        for request in self.requests.iter_mut().flatten() {
            if let Leg::Out(token) | Leg::Back(Some(token)) = &mut request.leg {
                *token = aged(*token);
            }
        }
    }
}
