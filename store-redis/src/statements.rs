//! The scripts, each from its own file in `scripts/` and one atomic step on the server; their arguments, and
//! their answers.

use hallpass_core::{Kinds, Purposes, StoreError};
use redis::{Cmd, Value};

use crate::error::odd_answer;

/// A script and the SHA-1 by which the server knows it.
#[derive(Clone, Debug)]
pub(crate) struct Script {
    inner: redis::Script,
    text: String,
    name: &'static str,
}

impl Script {
    fn new(name: &'static str, text: &str) -> Self {
        Self { inner: redis::Script::new(text), text: text.to_owned(), name }
    }

    /// Returns the command that runs the script: by its hash, or, if the server does not know the hash yet,
    /// by its text, after which it does. (`SCRIPT LOAD` would take one more round trip.)
    pub(crate) fn command(&self, known: bool, keys: &[&[u8]], arguments: &[&[u8]]) -> Cmd {
        let size = keys.iter().chain(arguments).map(|part| part.len()).sum::<usize>();
        let mut command = Cmd::with_capacity(3 + keys.len() + arguments.len(), size + 64);
        match known {
            true => command.arg("EVALSHA").arg(self.inner.get_hash()),
            false => command.arg("EVAL").arg(&self.text),
        };
        command.arg(keys.len()).arg(keys).arg(arguments);
        command
    }
}

/// All scripts.
#[derive(Clone, Debug)]
pub(crate) struct Scripts {
    pub(crate) delete: Script,
    pub(crate) epoch: Script,
    pub(crate) insert: Script,
    pub(crate) list: Script,
    pub(crate) permissions: Script,
    pub(crate) replace: Script,
    pub(crate) revoke: Script,
    pub(crate) sweep: Script,
}

impl Scripts {
    pub(crate) fn new() -> Self {
        Self {
            delete: Script::new(
                "delete.lua",
                concat!(include_str!("../scripts/announce.lua"), include_str!("../scripts/delete.lua")),
            ),
            epoch: Script::new("epoch.lua", include_str!("../scripts/epoch.lua")),
            insert: Script::new("insert.lua", include_str!("../scripts/insert.lua")),
            list: Script::new("list.lua", include_str!("../scripts/list.lua")),
            permissions: Script::new("permissions.lua", include_str!("../scripts/permissions.lua")),
            replace: Script::new(
                "replace.lua",
                concat!(include_str!("../scripts/announce.lua"), include_str!("../scripts/replace.lua")),
            ),
            revoke: Script::new(
                "revoke.lua",
                concat!(
                    include_str!("../scripts/announce.lua"),
                    include_str!("../scripts/ending.lua"),
                    include_str!("../scripts/revoke.lua")
                ),
            ),
            sweep: Script::new(
                "sweep.lua",
                concat!(
                    include_str!("../scripts/announce.lua"),
                    include_str!("../scripts/ending.lua"),
                    include_str!("../scripts/sweep.lua")
                ),
            ),
        }
    }

    /// Replaces text in a script, to prove that tests notice.
    ///
    /// # Errors
    /// If there is no such script, or `from` does not occur in it exactly once.
    #[cfg(feature = "test-hooks")]
    pub(crate) fn patch(&mut self, name: &str, from: &str, to: &str) -> Result<(), StoreError> {
        let Self { delete, epoch, insert, list, permissions, replace, revoke, sweep } = self;
        let all = [delete, epoch, insert, list, permissions, replace, revoke, sweep];
        let Some(script) = all.into_iter().find(|script| script.name == name) else {
            return Err(crate::error::refused("there is no script of this name to patch"));
        };
        if script.text.matches(from).count() != 1 {
            return Err(crate::error::refused("the text to patch does not occur exactly once"));
        }
        *script = Script::new(script.name, &script.text.replace(from, to));
        Ok(())
    }

    /// Lets a mark and a note be written when memory is full. `allow-oom` exists from Redis 7.0 on, and earlier
    /// servers do not understand the line.
    pub(crate) fn end_at_maxmemory(&mut self) {
        for script in [&mut self.delete, &mut self.revoke, &mut self.sweep] {
            *script = Script::new(script.name, &format!("#!lua flags=allow-oom\n{}", script.text));
        }
    }
}

/// A number as a script reads it.
pub(crate) fn number(value: u64) -> String {
    value.to_string()
}

pub(crate) fn purposes(purposes: Purposes) -> Vec<u8> {
    purposes.iter().map(|purpose| purpose.code()).collect()
}

pub(crate) fn push_kinds<'a>(arguments: &mut Vec<&'a [u8]>, kinds: &'a Kinds) {
    match kinds {
        Kinds::Any => arguments.push(b"any"),
        Kinds::Only(kinds) => {
            arguments.push(b"only");
            arguments.extend(kinds.iter().map(|kind| kind.as_str().as_bytes()));
        }
    }
}

/// The text of an answer; empty if it is none.
pub(crate) fn text(answer: &Value) -> &[u8] {
    match answer {
        Value::BulkString(text) => text,
        Value::SimpleString(text) => text.as_bytes(),
        _ => &[],
    }
}

/// The number of records that a script has ended.
pub(crate) fn count(answer: &Value) -> Result<u64, StoreError> {
    match answer {
        Value::Int(count) => u64::try_from(*count).map_err(|_| odd_answer(true)),
        _ => Err(odd_answer(true)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_patch_that_misses_is_refused() {
        let mut scripts = Scripts::new();
        assert!(scripts.patch("replace.lua", "no such text", "").is_err());
        assert!(scripts.patch("replace.lua", "'CONFLICT'", "").is_err(), "occurs more than once");
        assert!(scripts.patch("rename.lua", "x", "y").is_err());
        assert!(scripts.patch("insert.lua", "'NX', ", "").is_ok());
        assert!(!scripts.insert.text.contains("'NX'"));
    }
}
