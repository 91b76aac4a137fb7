use jobportal_domain::{UserId, UserType};

use crate::{Actor, Error, Result};

/// As what somebody asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Nobody is signed in.
    Anonymous,
    /// Looks for work.
    Candidate,
    /// Offers work.
    Employer,
    /// Runs the portal.
    Admin,
}

impl Role {
    /// Every role.
    pub const ALL: &[Self] = &[Self::Anonymous, Self::Candidate, Self::Employer, Self::Admin];

    /// The role of who is asking; `None`: nobody is signed in.
    pub fn of(actor: Option<&Actor>) -> Self {
        match actor.map(|actor| actor.user_type) {
            None => Self::Anonymous,
            Some(UserType::Candidate) => Self::Candidate,
            Some(UserType::Employer) => Self::Employer,
            Some(UserType::Admin) => Self::Admin,
        }
    }
}

/// How who is asking stands to the thing that is asked about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Relation {
    /// It is theirs: their account, session, profile or document, a job of theirs, an application to a job of theirs.
    Own,
    /// It is the document or the contact of a candidate who applied to a job of theirs.
    Applicant,
    /// It is somebody else's, and made for others to see: a job that is no draft, the picture of an employer.
    Published,
    /// It is somebody else's.
    Foreign,
}

impl Relation {
    /// Every relation.
    pub const ALL: &[Self] = &[Self::Own, Self::Applicant, Self::Published, Self::Foreign];

    /// The relation of who is asking to a thing of `owner`.
    pub fn to(owner: UserId, actor: Option<&Actor>) -> Self {
        if actor.is_some_and(|actor| actor.user_id == owner) { Self::Own } else { Self::Foreign }
    }

    /// The same to a thing that is made for others to see if `is_published`.
    #[must_use]
    pub const fn or_published(self, is_published: bool) -> Self {
        match self {
            Self::Foreign if is_published => Self::Published,
            other => other,
        }
    }
}

/// What the table says to who wants to do something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// They may.
    Allowed,
    /// Who is signed in might: [`Error::Unauthenticated`].
    SignIn,
    /// Their role does it with nothing: [`Error::Forbidden`].
    WrongRole,
    /// Their role does it with other things; of this one they are told that it is not there: [`Error::NotFound`].
    Hidden,
}

type Granted = &'static [Relation];

const NO: Granted = &[];
const YES: Granted = Relation::ALL;
const OWN: Granted = &[Relation::Own];
const PUBLISHED: Granted = &[Relation::Published];
const OWN_OR_PUBLISHED: Granted = &[Relation::Own, Relation::Published];
const OWN_OR_APPLICANT: Granted = &[Relation::Own, Relation::Applicant];

/// Declares [`Action`] with what each role may do it with.
macro_rules! actions {
    ($($name:ident: $text:literal, $anonymous:ident, $candidate:ident, $employer:ident, $admin:ident;)+) => {
        /// What can be done with the portal. [`Self::verdict`] says who may; nothing else does.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum Action {
            $(#[doc = concat!($text, ".")] $name,)+
        }

        impl Action {
            /// Every action.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The action in words.
            pub const fn as_str(self) -> &'static str {
                match self { $(Self::$name => $text,)+ }
            }

            /// With what `role` may do it, by how they stand to it; with nothing: not at all. With everything, where it is done
            /// to nothing in particular.
            pub const fn granted(self, role: Role) -> &'static [Relation] {
                let [anonymous, candidate, employer, admin] = match self {
                    $(Self::$name => [$anonymous, $candidate, $employer, $admin],)+
                };
                match role {
                    Role::Anonymous => anonymous,
                    Role::Candidate => candidate,
                    Role::Employer => employer,
                    Role::Admin => admin,
                }
            }
        }
    };
}

actions! {
    // action                 in words                                             anonymous  candidate  employer          admin
    ReadPortal:              "Read what the portal is, and its documentation",     YES,       YES,       YES,              YES;
    Register:                "Register an account",                                YES,       YES,       YES,              YES;
    VerifyEmail:             "Prove an e-mail address with a code",                YES,       YES,       YES,              YES;
    RequestCode:             "Ask for another code",                               YES,       YES,       YES,              YES;
    SignIn:                  "Sign in",                                            YES,       YES,       YES,              YES;
    RefreshTokens:           "Exchange a refresh token",                           YES,       YES,       YES,              YES;
    ResetPassword:           "Ask for a code for a new password, and set that",    YES,       YES,       YES,              YES;
    SignOut:                 "Sign out",                                           NO,        OWN,       OWN,              OWN;
    ManageSessions:          "List the sessions of the account, and end them",     NO,        OWN,       OWN,              OWN;
    DeactivateAccount:       "Take the account out of use",                        NO,        OWN,       OWN,              OWN;
    ChangePassword:          "Change the password",                                NO,        OWN,       OWN,              OWN;
    ChangeContact:           "Change the e-mail address or the phone number",       NO,        OWN,       OWN,              OWN;
    EnrolSecondFactor:       "Enrol a second factor, and see how it stands",       NO,        OWN,       OWN,              OWN;
    ManageSecondFactor:      "Remove the second factor, get new recovery codes",   NO,        OWN,       OWN,              OWN;
    ReadOwnAccount:          "Read the account that asks",                         NO,        OWN,       OWN,              OWN;
    ListAccounts:            "List accounts with their profiles",                  NO,        YES,       YES,              YES;
    ReadContact:             "See an address and a number in a restricted directory", NO,     OWN,       OWN_OR_APPLICANT, YES;
    ReadOwnCandidate:        "Read the own profile of a candidate",                NO,        OWN,       NO,               NO;
    ReviseCandidate:         "Change the profile of a candidate",                  NO,        OWN,       NO,               NO;
    ReadCandidates:          "Read profiles of candidates",                        NO,        YES,       YES,              YES;
    ReadOwnEmployer:         "Read the own profile of an employer",                NO,        NO,        OWN,              NO;
    ReviseEmployer:          "Change the profile of an employer",                  NO,        NO,        OWN,              NO;
    ReadEmployers:           "Read profiles of employers",                         YES,       YES,       YES,              YES;
    SearchJobs:              "Search for jobs, and complete what someone types",   NO,        YES,       YES,              YES;
    FollowJobs:              "Follow what changes of jobs",                        NO,        YES,       YES,              YES;
    ReadJob:                 "Read a job, and those like it",                      NO,        PUBLISHED, OWN_OR_PUBLISHED, PUBLISHED;
    ListOwnJobs:             "List the own jobs",                                  NO,        NO,        OWN,              NO;
    PostJob:                 "Post a job, or begin a draft",                       NO,        NO,        OWN,              NO;
    ReviseJob:               "Change a job",                                       NO,        NO,        OWN,              NO;
    LeadJob:                 "Lead a job through its life",                        NO,        NO,        OWN,              NO;
    TakeJobDown:             "Take a job down",                                    NO,        NO,        OWN,              NO;
    Apply:                   "Apply to a job",                                     NO,        PUBLISHED, NO,               NO;
    ListOwnApplications:     "List the own applications",                          NO,        OWN,       NO,               NO;
    ReadApplications:        "Read applications to a job, and follow them",        NO,        NO,        OWN,              NO;
    MoveApplication:         "Move an application to a job",                       NO,        NO,        OWN,              NO;
    ReadPlans:               "Read plans",                                         NO,        YES,       YES,              YES;
    ManagePlans:             "Make, change and delete plans",                      NO,        NO,        NO,               YES;
    Subscribe:               "Subscribe to a plan",                                NO,        OWN,       OWN,              OWN;
    ReadUsage:               "Read what is left of today's allowance",             NO,        OWN,       OWN,              OWN;
    ReadOutbox:              "List mails, and see how far they have come",         NO,        NO,        NO,               YES;
    ManageOutbox:            "Try mails again, and delete those of the past",      NO,        NO,        NO,               YES;
    OpenResume:              "Open a résumé",                                      NO,        OWN,       OWN_OR_APPLICANT, YES;
    OpenPicture:             "Open a picture",                                     PUBLISHED, YES,       YES,              YES;
}

impl Action {
    /// Whether `role` may do it with a thing that stands to them in this relation.
    pub fn verdict(self, role: Role, relation: Relation) -> Verdict {
        let granted = self.granted(role);
        if granted.contains(&relation) {
            Verdict::Allowed
        } else if role == Role::Anonymous {
            Verdict::SignIn
        } else if granted.is_empty() {
            Verdict::WrongRole
        } else {
            Verdict::Hidden
        }
    }

    /// Whether anyone may do it, signed in or not.
    pub fn is_open(self) -> bool {
        self.granted(Role::Anonymous) == Relation::ALL
    }

    /// Whether it can be done in a session that may do nothing but enrol a second factor
    /// ([`AccessClaims::must_enrol`](crate::AccessClaims::must_enrol)).
    pub const fn is_for_enrolling(self) -> bool {
        matches!(self, Self::EnrolSecondFactor | Self::SignOut)
    }

    /// Whether it makes a difference to `role` who applied to a job of theirs, so that this has to be looked up.
    pub fn asks_for_applicants(self, role: Role) -> bool {
        let granted = self.granted(role);
        granted.contains(&Relation::Applicant) && !granted.contains(&Relation::Foreign)
    }

    /// Refuses a role that does it with nothing, before anything is looked for.
    pub fn check_role(self, role: Role) -> Result<()> {
        match self.granted(role) {
            [] if role == Role::Anonymous => Err(Error::NO_TOKEN),
            [] => Err(Error::WRONG_ROLE),
            _ => Ok(()),
        }
    }

    /// Refuses who may not do it with a thing that stands to them in this relation; where they shall not know of it, as if it
    /// were `missing`.
    pub fn check(self, role: Role, relation: Relation, missing: Error) -> Result<()> {
        match self.verdict(role, relation) {
            Verdict::Allowed => Ok(()),
            Verdict::SignIn => Err(Error::NO_TOKEN),
            Verdict::WrongRole => Err(Error::WRONG_ROLE),
            Verdict::Hidden => Err(missing),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixtures::{CANDIDATE_USER, STRANGER, admin, candidate, employer};

    #[test]
    fn nobody_is_refused_for_being_signed_in() {
        for action in Action::ALL {
            for relation in Relation::ALL {
                if action.verdict(Role::Anonymous, *relation) == Verdict::Allowed {
                    for role in Role::ALL {
                        assert_eq!(action.verdict(*role, *relation), Verdict::Allowed, "{action:?} {role:?}");
                    }
                }
            }
        }
    }

    #[test]
    fn a_role_that_may_nothing_is_told_so_before_anything_is_looked_for() {
        for action in Action::ALL {
            for role in Role::ALL {
                let verdicts = Relation::ALL.iter().map(|relation| action.verdict(*role, *relation));
                let may_something = verdicts.clone().any(|verdict| verdict == Verdict::Allowed);
                assert_eq!(action.check_role(*role).is_ok(), may_something, "{action:?} {role:?}");
                let hidden = verdicts.filter(|verdict| *verdict == Verdict::Hidden).count();
                assert!(hidden == 0 || may_something, "{action:?} {role:?}");
            }
        }
    }

    #[test]
    fn what_is_hidden_is_refused_like_what_is_missing() {
        let missing = || Error::NotFound("Job not found.");
        let check = |role, relation| Action::ReviseJob.check(role, relation, missing());
        assert!(check(Role::Employer, Relation::Own).is_ok());
        assert!(matches!(check(Role::Employer, Relation::Foreign), Err(Error::NotFound("Job not found."))));
        assert!(matches!(check(Role::Employer, Relation::Published), Err(Error::NotFound("Job not found."))));
        assert!(matches!(check(Role::Admin, Relation::Foreign), Err(Error::Forbidden(_))));
        assert!(matches!(check(Role::Anonymous, Relation::Own), Err(Error::Unauthenticated(_))));
    }

    #[test]
    fn a_thing_is_ones_own_or_published_or_somebody_elses() {
        assert_eq!(Relation::to(CANDIDATE_USER, Some(&candidate())), Relation::Own);
        assert_eq!(Relation::to(CANDIDATE_USER, Some(&candidate())).or_published(true), Relation::Own);
        for (relation, is_published, expected) in [
            (Relation::to(STRANGER, Some(&candidate())), false, Relation::Foreign),
            (Relation::to(STRANGER, Some(&candidate())), true, Relation::Published),
            (Relation::to(STRANGER, None), true, Relation::Published),
        ] {
            assert_eq!(relation.or_published(is_published), expected);
        }
    }

    #[test]
    fn a_role_is_that_of_the_account() {
        let roles = [None, Some(&candidate()), Some(&employer()), Some(&admin())].map(Role::of);
        assert_eq!(roles, Role::ALL);
    }
}
