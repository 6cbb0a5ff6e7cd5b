//! The clauses of the contract: number, text, and the part of an adapter that each concerns.

use std::fmt;

/// The URL of this repository's documentation pages.
const PAGES: &str = concat!(env!("CARGO_PKG_REPOSITORY"), "/blob/main/docs/");

const TOKENS: &str = "what `find` gives back after `insert` and `replace`: core judges what it is handed, so run the \
                      chapters `insert::`, `find::` and `replace::` first";
const ENDINGS: &str = "`replace` and `revoke_by_subject` with `Action::Mark`: core judges the record that it is handed, \
                       so run the chapters `replace::` and `subject::` first";
const WINNERS: &str = "the condition on the revision in `replace`, and whether it is checked in the step that writes: run \
                       `replace::` and `race::` first";

/// An entry: number, heading in the contract, the sentence quoted from it, and what to look at in an adapter.
macro_rules! clauses {
    ($($name:ident $title:literal $text:literal $look:expr;)+) => {
        /// A clause of `docs/contract.md`.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Clause {
            $(#[doc = $text] $name,)+
        }

        impl Clause {
            /// Every clause, in the order of the contract.
            pub const ALL: [Self; 43] = [$(Self::$name),+];

            /// Its heading in the contract: `Compare and swap`.
            #[must_use]
            pub const fn title(self) -> &'static str {
                match self { $(Self::$name => $title,)+ }
            }

            /// The sentence of the contract that states most of it.
            #[must_use]
            pub const fn text(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// What to look at in an adapter that breaks it.
            #[must_use]
            pub const fn look_at(self) -> &'static str {
                match self { $(Self::$name => $look,)+ }
            }
        }
    };
}

clauses! {
    T1 "Text" "Parsing accepts only the one spelling that printing produces, down to unused trailing bits." TOKENS;
    T2 "Family" "every token that a record ever had is recognised, with constant storage" TOKENS;
    T3 "Digests" "A copy of the database holds nothing that verifies." TOKENS;
    T4 "Comparison" "Digests, lineages, stamps and fingerprints are compared in constant time." TOKENS;
    T5 "Successor" "So within the windows every holder of the predecessor gets the same successor, byte for byte" WINNERS;
    T6 "Secrecy in memory" "Logs, errors and panics contain no secret."
        "the `Debug` output of the store and the texts of its errors: many drivers quote the values of a statement";
    T7 "Shard" "All records of a subject share their shard" TOKENS;
    T8 "Kinds" "A token of another kind gets the same result as a token that does not exist." TOKENS;
    D1 "The decision" "A token that is not ours, or of another kind, is `Invalid`, and ends nothing." TOKENS;
    D2 "The decision" "What has expired is `Expired`: collected or not, it behaves like one that is gone." TOKENS;
    D3 "The decision" "An ended token is `Revoked` with the reason; a used-up one is `Spent`." ENDINGS;
    D4 "The decision" "If a given stamp differs, the token is refused, and nothing is ended." TOKENS;
    D5 "The decision" "The current token is `Valid`: confirmed, rotated when that is due, and its idle expiry moved." TOKENS;
    D6 "The decision" "The predecessor is good while its successor is not confirmed, within the retry window." TOKENS;
    D7 "The decision" "The predecessor is good for the overlap once its successor is confirmed." TOKENS;
    D8 "The decision" "A successor that was never presented lapses: its login is ended, without alarm." ENDINGS;
    D9 "The decision" "Any other replaced token is theft: its login is ended, and an alarm is raised." ENDINGS;
    D10 "When a rotation is due" "Otherwise the answer is `Valid` without a new token." TOKENS;
    D11 "Nothing extends a window" "Use moves no window." TOKENS;
    D12 "Ending is unconditional" "Ending a login compares no revision, so no flood of writes can delay it."
        "`revoke_by_subject`: it must compare no revision, and must finish even if its caller has gone";
    D13 "Marks" "A marked record has no idle expiry and stays until its absolute one" ENDINGS;
    D14 "Policies are checked" "Building the service fails, with the kind and the rule in the message" TOKENS;
    D15 "A lost race is not interpreted"
        "Losing a compare-and-swap says only that another call wrote." WINNERS;
    D16 "What is promised of rotation" "A replay outside the windows is always caught." WINNERS;
    D17 "Fingerprints" "Core refuses nothing for it" TOKENS;
    S1 "What was acknowledged is returned"
        "After an acknowledged `insert` or `replace`, `find` returns the record byte for byte"
        "the list of columns in `insert`, in `replace` and in what `find` decodes: one is missing, too narrow, or changed \
         on its way; `find` reads from a replica or a cache";
    S2 "Insert only inserts" "If the selector exists, the answer is `Duplicate`, and its record stays as it was."
        "the statement of `insert`: it is an upsert, or the number of rows written is ignored; for `of_subject`, whether \
         the count is taken in the same step";
    S3 "Unknown is not an error" "A selector that is merely similar never matches."
        "the condition on the selector in `find`: it must compare all bytes, and no row means `None`";
    S4 "Replace only updates" "A deleted record does not come back through it."
        "the statement of `replace`: it inserts, or lacks `AND revoked = 0`; and how it distinguishes Missing from Conflict if \
         no row was changed";
    S5 "Compare and swap" "Of any number of concurrent replaces of one revision exactly one wins."
        "the statement of `replace`: `AND revision = expected` in the statement that writes, and nothing that sends it \
         twice";
    S6 "Every node sees it" "What was acknowledged is seen through every handle and on every node"
        "reads from a replica or a cache; an index that is written after its record; two statements instead of a single \
         step (`epoch`, `insert` under a fence, `revoke_by_subject`)";
    S7 "Delete can be repeated" "`delete` says whether there was a record, and repeating it is no error."
        "the statement of `delete`: the number of rows removed, and no condition but the selector";
    S8 "Revoking a subject is complete" "When it acknowledges, none is left"
        "the statements of `revoke_by_subject`: each condition of the filter, every page, the number of rows changed, \
         and a second sweep for records inserted meanwhile";
    S9 "Lists tell the truth" "Its pages show each exactly once while nothing else writes."
        "the statement of `list_by_subject`: both sort columns in the condition of the next page, and the limit after \
         the filter; whether each write changes record and index entry together";
    S10 "Collecting is careful" "It says \"no more\" only when no record that is due is left"
        "the statement of `purge_expired`: `purge_at <= now` with the given `now`, checked again in the step that \
         deletes; the limit; and how `more` is computed";
    S11 "Fences" "The check and the insert are one step"
        "`insert` under a fence: it must lock the row of the epoch or of the parent until it commits, and \
         `revoke_by_subject` must set the epoch first and take the same lock";
    S12 "Backend failures are errors" "A backend that fails is `Err`, never `None`, `false`, 0 or `Fenced`."
        "how driver errors are classified (nothing was sent, or the write may have happened), and the time limit of every call";
    S13 "Dropped futures leave whole records"
        "Whenever a future is dropped, each record is either untouched or fully written, even if the write comes after the drop."
        "writes of several statements outside a transaction; what the pool does with a connection whose caller has gone: run \
         each write in a task of its own";
    S14 "Durability is declared" "A store says what an acknowledgement survives"
        "whether a commit waits for the disk, and the call for the commit; unlogged tables; and whether the harness opens \
         in a crash child what its parent opened (`crash_child`)";
    S15 "Namespaces are apart" "Two namespaces in one database never see each other's records or epochs."
        "the namespace in every key and condition, including those of epochs, and in the names of created objects";
    S16 "Values are stored unchanged"
        "Within the limits everything is stored as given: not truncated, not normalised, not interpreted."
        "column types and collations: wide enough, binary comparison, case-sensitive, no padding";
    S18 "Silence" "What a store prints as `Debug`, error or log contains neither data nor digests."
        "the `Debug` output of the store and the texts of its errors: many drivers quote the values of a statement";
    S19 "Staleness is bounded"
        "What a turn proves covers every ending that was acknowledged before its t0"
        "each write that ends records: whether it announces them in the step that ends them; and the feed: where it \
         continues after a turn, what it takes for an answer, and whether it reports a closed connection as lost";
}

impl Clause {
    /// The URL of the clause in the contract.
    #[must_use]
    pub fn place(self) -> String {
        format!("{PAGES}contract.md#{}", self.anchor())
    }

    /// The URL of the usual reasons why an adapter breaks it.
    #[must_use]
    pub fn reasons(self) -> String {
        let anchor = if self < Self::S1 { "t-and-d".to_owned() } else { self.anchor() };
        format!("{PAGES}adapter.md#{anchor}")
    }

    /// The anchor in the page's own links.
    #[must_use]
    fn anchor(self) -> String {
        let title = self.title().to_lowercase().replace(' ', "-");
        if (Self::D1..=Self::D9).contains(&self) {
            title
        } else {
            format!("{}-{title}", self.to_string().to_lowercase())
        }
    }

    /// [`look_at`](Self::look_at), or a more specific hint if the case's chapter has one.
    pub(crate) fn look_at_in(self, chapter: &str) -> &'static str {
        match (self, chapter) {
            (Self::S11, "expiry") => {
                "the time of an epoch: `epoch` and `EpochUpdate::Set` may only lengthen it, and no purge may remove it early"
            }
            (Self::S11, "crash" | "outage") => "where epochs are kept: they must be as durable as records",
            (Self::S12, "list" | "hostile") => {
                "rows that do not decode: each is a separate entry in a list, and a revocation selects by columns"
            }
            (Self::S19, "feed_fault") => {
                "the connection of a feed: a turn asks over it, and once it was closed, or the server has restarted, the \
                 feed is lost"
            }
            (Self::S19, "feed_near") => {
                "whether endings are announced in the step that ends them: earlier, a cache reads the record once more"
            }
            (Self::S12, "cancel") => "what the pool does with a connection whose caller has gone",
            _ => self.look_at(),
        }
    }
}

/// Its number in the contract: `S5`.
impl fmt::Display for Clause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}
