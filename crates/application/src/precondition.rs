use jobportal_domain::Version;

use crate::{Error, Result};

/// Which state something must be in for a change to be made, so that nobody undoes a change they have not seen.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Precondition {
    /// None was given: the change is made whatever the state.
    #[default]
    None,
    /// Any state, as long as there is one.
    Exists,
    /// The state of one of these versions.
    OneOf(Vec<Version>),
}

impl Precondition {
    /// Refuses the change of something that is there, in a state that is not wanted. Called with what is held until the end
    /// of the transaction, after it is clear that the caller may change it.
    pub(crate) fn check(&self, present: Version) -> Result<()> {
        match self {
            Self::OneOf(versions) if !versions.contains(&present) => Err(Error::PreconditionFailed),
            Self::None | Self::Exists | Self::OneOf(_) => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_for_the_versions_that_it_names() {
        let two_or_three = Precondition::OneOf(vec![Version(2), Version(3)]);
        assert!(two_or_three.check(Version(3)).is_ok());
        assert!(matches!(two_or_three.check(Version(4)), Err(Error::PreconditionFailed)));
        assert!(matches!(Precondition::OneOf(Vec::new()).check(Version(1)), Err(Error::PreconditionFailed)));
        assert!(Precondition::None.check(Version(4)).is_ok());
        assert!(Precondition::Exists.check(Version(4)).is_ok());
    }
}
