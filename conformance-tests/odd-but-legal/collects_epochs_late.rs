//! Epochs whose time is over go a day late, and serve until then (S10: late or at once).

use crate::prelude::*;

pub(crate) const ODD: Odd = Odd::new(|| keeps(|_, keep| keep.saturating_add(Duration::from_secs(86_400))));
