//! The forms of a call: an operation together with its fence, its kind of change or its action, because an adapter
//! has a statement for each of them.

/// An operation in one of its forms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Form {
    Insert,
    InsertUnderEpoch,
    InsertUnderParent,
    Find,
    Touch,
    /// A replace that rotates.
    Rotate,
    /// A replace that leaves the generation as it is.
    Update,
    End,
    Delete,
    /// A revocation that marks some of the records.
    Mark,
    MarkEverything,
    Remove,
    RemoveEverything,
    /// A revocation that ends nothing and sets an epoch.
    SetEpoch,
    List,
    Epoch,
    Purge,
}

impl Form {
    pub(crate) const ALL: [Self; 17] = [
        Self::Insert,
        Self::InsertUnderEpoch,
        Self::InsertUnderParent,
        Self::Find,
        Self::Touch,
        Self::Rotate,
        Self::Update,
        Self::End,
        Self::Delete,
        Self::Mark,
        Self::MarkEverything,
        Self::Remove,
        Self::RemoveEverything,
        Self::SetEpoch,
        Self::List,
        Self::Epoch,
        Self::Purge,
    ];

    /// Whether what a call of this form has done must be there after a crash (S14).
    pub(super) const fn is_durable(self) -> bool {
        !matches!(self, Self::Touch | Self::Purge)
    }
}
