use std::collections::BTreeMap;
use std::fmt;

/// The name under which rules that concern no single field are reported.
pub const NON_FIELD: &str = "non_field_errors";

/// Every broken rule of one input, by field, so that a caller can report them all at once.
///
/// ```
/// use jobportal_domain::{EmailAddress, PhoneNumber, Violations};
///
/// let mut violations = Violations::default();
/// let email = violations.check("email", EmailAddress::parse("not an address"));
/// let phone = violations.check("phone", PhoneNumber::parse("12"));
/// assert!(email.is_none() && phone.is_none());
/// assert_eq!(violations.of("email"), ["Enter a valid email address."]);
/// assert_eq!(violations.fields().count(), 2);
/// assert!(violations.into_result().is_err());
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Violations(BTreeMap<String, Vec<String>>);

impl Violations {
    /// One broken rule of one field.
    pub fn single(field: &str, message: impl fmt::Display) -> Self {
        let mut violations = Self::default();
        violations.push(field, message);
        violations
    }

    /// Adds a broken rule of `field`, or of the whole under [`NON_FIELD`].
    pub fn push(&mut self, field: &str, message: impl fmt::Display) {
        self.0.entry(field.to_owned()).or_default().push(message.to_string());
    }

    /// Keeps the value of `result`, or records its error under `field`.
    pub fn check<T, E: fmt::Display>(&mut self, field: &str, result: Result<T, E>) -> Option<T> {
        result.map_err(|error| self.push(field, error)).ok()
    }

    /// Takes in everything that `other` holds.
    pub fn extend(&mut self, other: Violations) {
        for (field, messages) in other.0 {
            self.0.entry(field).or_default().extend(messages);
        }
    }

    /// Whether no rule is broken.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The messages recorded under `field`, in the order they came; empty where there are none.
    pub fn of(&self, field: &str) -> &[String] {
        self.0.get(field).map_or(&[], Vec::as_slice)
    }

    /// Fields with their messages, in alphabetical order.
    pub fn fields(&self) -> impl Iterator<Item = (&str, &[String])> {
        self.0.iter().map(|(field, messages)| (field.as_str(), messages.as_slice()))
    }

    /// `Ok` when no rule is broken, else all of them.
    pub fn into_result(self) -> Result<(), Violations> {
        if self.is_empty() { Ok(()) } else { Err(self) }
    }
}

impl fmt::Display for Violations {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, (field, messages)) in self.fields().enumerate() {
            let separator = if index == 0 { "" } else { "; " };
            write!(f, "{separator}{field}: {}", messages.join(" "))?;
        }
        Ok(())
    }
}

impl std::error::Error for Violations {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn collects_several_messages_for_one_field() {
        let mut violations = Violations::single("password", "too short");
        violations.extend(Violations::single("password", "too common"));
        violations.push("email", "taken");
        assert_eq!(violations.of("password"), ["too short", "too common"]);
        assert_eq!(violations.to_string(), "email: taken; password: too short too common");
    }

    #[test]
    fn nothing_broken_is_ok() {
        assert_eq!(Violations::default().into_result(), Ok(()));
        assert!(Violations::default().of("email").is_empty());
    }
}
