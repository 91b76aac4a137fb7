use thiserror::Error;

/// A text that stands for no value of a closed set; prints the text, which is cut after 50 characters where it was
/// parsed.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("\"{0}\" is not a valid choice.")]
pub struct NotAChoice(pub String);

impl NotAChoice {
    /// Reports `value`, cut to a length that is safe to send back.
    pub fn new(value: &str) -> Self {
        const SHOWN: usize = 50;
        match value.char_indices().nth(SHOWN) {
            Some((end, _)) => Self(format!("{}…", value.get(..end).unwrap_or_default())),
            None => Self(value.to_owned()),
        }
    }
}

/// Declares an enum with one fixed text for each of its values.
macro_rules! closed_set {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $text:literal),+ $(,)? }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum $name {
            $($(#[$vdoc])* #[doc = concat!("`", $text, "`")] $variant,)+
        }

        impl $name {
            /// Every value, in the order of the definition.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The text that stands for this value.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text,)+ }
            }

            /// Finds the value that `text` stands for, letter case included; [`NotAChoice`](crate::NotAChoice) if there
            /// is none.
            pub fn parse(text: &str) -> Result<Self, $crate::NotAChoice> {
                match text {
                    $($text => Ok(Self::$variant),)+
                    other => Err($crate::NotAChoice::new(other)),
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(self.as_str())
            }
        }
    };
}
pub(crate) use closed_set;

#[cfg(test)]
mod tests {
    use crate::{JobSubtype, NotAChoice};

    #[test]
    fn parses_what_it_prints() {
        for subtype in JobSubtype::ALL {
            assert_eq!(JobSubtype::parse(subtype.as_str()), Ok(*subtype));
        }
    }

    #[test]
    fn names_the_unknown_value_and_cuts_it() {
        let error = JobSubtype::parse("full-time").unwrap_err();
        assert_eq!(error, NotAChoice("full-time".to_owned()));
        assert_eq!(error.to_string(), "\"full-time\" is not a valid choice.");
        let long = "ä".repeat(1_000);
        assert!(JobSubtype::parse(&long).unwrap_err().to_string().chars().count() < 80);
    }
}
