use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::NaiveDate;
use jobportal_application::{CandidateAccount, RevisePersonal, ReviseProfessional};
use jobportal_domain::{
    CandidateId, CandidateProfile, DocumentKind, MAX_ENTRIES_PER_SECTION, MAX_SOCIAL_LINKS, PersonalDetails,
    ProfessionalDetails, ProfessionalProfile, Section, Text, Violations, WebAddress,
};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::App;
use crate::accounts::directory::ContactBody;
use crate::body::{Body, Request};
use crate::conditional::{IfMatch, versioned};
use crate::documents::{run_with_upload, upload};
use crate::error::ApiError;
use crate::extract::{Caller, PathId};
use crate::input::{Change, Input};
use crate::openapi::{NON_BLANK, Operation, schema_of, string};
use crate::page::{Paging, array};
use crate::wire::{DocumentPath, IdInput};

type Answer = Result<HttpResponse, ApiError>;

const TAG: &str = "Candidates";

/// The professional part of a profile, as the API writes it.
#[derive(Serialize, ToSchema)]
#[schema(as = ProfessionalProfile)]
pub(crate) struct ProfessionalBody {
    #[schema(example = 4)]
    id: i64,
    resume: Option<DocumentPath>,
    education: Vec<String>,
    experience: Vec<String>,
    skills: Vec<String>,
    languages: Vec<String>,
    projects: Vec<String>,
    certificate: Vec<String>,
    awards: Vec<String>,
    club_and_committee: Vec<String>,
    #[serde(rename = "Competitive_exams")]
    competitive_exams: Vec<String>,
    /// The id of the candidate's profile.
    #[schema(example = 4)]
    candidate: i64,
}

impl ProfessionalBody {
    /// The professional part of a profile, if it has one.
    fn of(profile: &CandidateProfile) -> Option<Self> {
        profile.professional.as_ref().map(|professional| Self::new(profile.id, professional))
    }

    fn new(candidate: CandidateId, profile: &ProfessionalProfile) -> Self {
        let list = |section| profile.details.section(section).iter().map(|entry| entry.as_str().to_owned()).collect();
        Self {
            id: profile.id.0,
            resume: profile.resume.as_ref().map(DocumentPath::from),
            education: list(Section::Education),
            experience: list(Section::Experience),
            skills: list(Section::Skills),
            languages: list(Section::Languages),
            projects: list(Section::Projects),
            certificate: list(Section::Certificates),
            awards: list(Section::Awards),
            club_and_committee: list(Section::Clubs),
            competitive_exams: list(Section::Exams),
            candidate: candidate.0,
        }
    }
}

/// A candidate's profile, as the API writes it.
#[derive(Serialize, ToSchema)]
#[schema(as = Candidate)]
pub(crate) struct CandidateBody {
    /// The id of the profile.
    #[schema(example = 4)]
    id: i64,
    /// The professional part; `null` until it is made.
    profile_details: Option<ProfessionalBody>,
    #[schema(example = "Carl")]
    first_name: Option<String>,
    #[schema(example = "Rahman")]
    last_name: Option<String>,
    #[schema(example = "7 Garden Street, Dhaka")]
    address: Option<String>,
    profile_pic: Option<DocumentPath>,
    #[schema(example = "Backend developer who likes databases.")]
    bio: Option<String>,
    #[schema(example = json!(["https://git.example/carl"]))]
    social_links: Option<Vec<String>>,
    #[schema(example = "male")]
    gender: Option<String>,
    #[schema(format = Date, example = "1995-04-30")]
    birth_date: Option<String>,
    /// The id of the account.
    #[schema(example = 7)]
    user: i64,
}

impl From<CandidateProfile> for CandidateBody {
    fn from(profile: CandidateProfile) -> Self {
        let profile_details = ProfessionalBody::of(&profile);
        let PersonalDetails { first_name, last_name, address, bio, social_links, gender, birth_date } =
            profile.personal;
        let links: Vec<String> = social_links.iter().map(ToString::to_string).collect();
        Self {
            id: profile.id.0,
            profile_details,
            first_name: first_name.map(Text::into_string),
            last_name: last_name.map(Text::into_string),
            address: address.map(Text::into_string),
            profile_pic: profile.picture.as_ref().map(DocumentPath::from),
            bio: bio.map(Text::into_string),
            social_links: (!links.is_empty()).then_some(links),
            gender: gender.map(Text::into_string),
            birth_date: birth_date.map(|date| date.to_string()),
            user: profile.user_id.0,
        }
    }
}

/// A candidate's profile with the account it belongs to, as the API writes it.
#[derive(Serialize, ToSchema)]
#[schema(as = CandidateAccount)]
struct CandidateAccountBody {
    #[serde(flatten)]
    contact: ContactBody,
    candidate: CandidateBody,
}

impl From<CandidateAccount> for CandidateAccountBody {
    fn from(account: CandidateAccount) -> Self {
        Self { contact: account.contact.into(), candidate: account.profile.into() }
    }
}

fn answer(account: CandidateAccount) -> HttpResponse {
    let version = account.profile.version;
    versioned(HttpResponse::Ok().json(CandidateAccountBody::from(account)), version)
}

/// `GET /candidate/profile/`
pub(crate) async fn own(app: Data<App>, Caller(actor): Caller) -> Answer {
    let account = app.run(move |app| app.candidates.own(&actor)).await?;
    Ok(answer(account))
}

pub(crate) fn own_doc() -> Operation {
    Operation::new(TAG, "candidates_own", "Read the own profile")
        .ok::<CandidateAccountBody>("The profile, with the account.")
        .refuses(StatusCode::NOT_FOUND)
}

/// `GET /candidate/profile/{id}/`
pub(crate) async fn find(app: Data<App>, Caller(actor): Caller, PathId(id): PathId) -> Answer {
    let account = app.run(move |app| app.candidates.find(&actor, CandidateId(id))).await?;
    Ok(answer(account))
}

pub(crate) fn find_doc() -> Operation {
    Operation::new(TAG, "candidates_find", "Read the profile of a candidate")
        .ok::<CandidateAccountBody>("The profile, with as much of the account as the caller may see.")
}

/// `GET /candidate/profiles/`
pub(crate) async fn list(
    app: Data<App>,
    request: HttpRequest,
    Caller(actor): Caller,
    Paging(page): Paging<100>,
) -> Answer {
    let page = app.run(move |app| app.candidates.list(&actor, page)).await?;
    Ok(array(&request, page, CandidateAccountBody::from))
}

pub(crate) fn list_doc() -> Operation {
    Operation::new(TAG, "candidates_list", "List candidates")
        .ok_list::<CandidateAccountBody>("A page of profiles, with as much of their accounts as the caller may see.")
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ReplaceProfessional)]
pub(crate) struct ProfessionalRequest {
    /// The id of the caller's account, if given.
    #[schema(value_type = Option<IdInput>)]
    user: Input<i64>,
    /// The id of the caller's profile, if given.
    #[schema(value_type = Option<IdInput>)]
    candidate: Input<i64>,
    #[schema(value_type = Option<Vec<Entry>>, max_items = 100, example = json!(["BSc in Computer Science, 2018"]))]
    education: Input<Vec<String>>,
    #[schema(value_type = Option<Vec<Entry>>, max_items = 100, example = json!(["Backend developer, 2018 to 2024"]))]
    experience: Input<Vec<String>>,
    #[schema(value_type = Option<Vec<Entry>>, max_items = 100, example = json!(["Rust", "SQL"]))]
    skills: Input<Vec<String>>,
    #[schema(value_type = Option<Vec<Entry>>, max_items = 100, example = json!(["Bengali", "English"]))]
    languages: Input<Vec<String>>,
    #[schema(value_type = Option<Vec<Entry>>, max_items = 100)]
    projects: Input<Vec<String>>,
    #[schema(value_type = Option<Vec<Entry>>, max_items = 100)]
    certificate: Input<Vec<String>>,
    #[schema(value_type = Option<Vec<Entry>>, max_items = 100)]
    awards: Input<Vec<String>>,
    #[schema(value_type = Option<Vec<Entry>>, max_items = 100)]
    club_and_committee: Input<Vec<String>>,
    #[serde(rename = "Competitive_exams")]
    #[schema(value_type = Option<Vec<Entry>>, max_items = 100)]
    competitive_exams: Input<Vec<String>>,
}

/// An entry of a list of the professional part.
struct Entry;

schema_of! {
    Entry as "ProfileEntry" => string().pattern(Some(NON_BLANK)).max_length(Some(500));
}

impl Request for ProfessionalRequest {
    const LISTS: &'static [&'static str] = &[
        "education",
        "experience",
        "skills",
        "languages",
        "projects",
        "certificate",
        "awards",
        "club_and_committee",
        "Competitive_exams",
    ];
    const FILE: Option<&'static str> = Some("resume");
}

impl ProfessionalRequest {
    /// Lists that the request leaves out are empty: the professional part is replaced as a whole.
    fn details(self, violations: &mut Violations) -> (Option<i64>, ProfessionalDetails) {
        let mut details = ProfessionalDetails::default();
        let candidate = self.candidate.optional("candidate", violations);
        for (field, section, input) in [
            ("education", Section::Education, self.education),
            ("experience", Section::Experience, self.experience),
            ("skills", Section::Skills, self.skills),
            ("languages", Section::Languages, self.languages),
            ("projects", Section::Projects, self.projects),
            ("certificate", Section::Certificates, self.certificate),
            ("awards", Section::Awards, self.awards),
            ("club_and_committee", Section::Clubs, self.club_and_committee),
            ("Competitive_exams", Section::Exams, self.competitive_exams),
        ] {
            let entries = input
                .change_list(field, MAX_ENTRIES_PER_SECTION, violations, Text::parse)
                .apply(None)
                .unwrap_or_default();
            violations.check(field, details.set(section, entries));
        }
        (candidate, details)
    }
}

/// `POST /candidate/profile/`
pub(crate) async fn revise_professional(
    app: Data<App>,
    Caller(actor): Caller,
    IfMatch(precondition): IfMatch,
    mut body: Body<ProfessionalRequest>,
) -> Answer {
    let mut violations = Violations::default();
    let user = std::mem::take(&mut body.value.user).optional("user", &mut violations);
    let (candidate, details) = body.value.details(&mut violations);
    let resume = upload(&app, "resume", DocumentKind::Resume, body.file, &mut violations)?;
    violations.into_result()?;
    actor.require_own_user(user)?;
    let profile = run_with_upload(&app, resume, move |app, resume| {
        app.candidates.revise_professional(&actor, &ReviseProfessional { candidate, details, resume, precondition })
    })
    .await?;
    Ok(versioned(HttpResponse::Ok().json(ProfessionalBody::of(&profile)), profile.version))
}

pub(crate) fn revise_professional_doc() -> Operation {
    Operation::new(TAG, "candidates_replace_professional", "Make or replace the professional part of the own profile")
        .about(
            "All lists are replaced: one that is left out is empty. The résumé (PDF, DOCX or ODT of at most 5 MiB) stays unless \
             another one is sent, or `null`.",
        )
        .ok::<ProfessionalBody>("The professional part as it is now.")
        .refuses(StatusCode::NOT_FOUND)
}

#[derive(Default, Deserialize, ToSchema)]
#[serde(default)]
#[schema(as = ReviseCandidate)]
pub(crate) struct PersonalRequest {
    /// The id of the caller's account, if given.
    #[schema(value_type = Option<IdInput>)]
    user: Input<i64>,
    #[schema(value_type = Option<String>, max_length = 150, example = "Carl")]
    first_name: Input<String>,
    #[schema(value_type = Option<String>, max_length = 150, example = "Rahman")]
    last_name: Input<String>,
    #[schema(value_type = Option<String>, max_length = 500, example = "7 Garden Street, Dhaka")]
    address: Input<String>,
    #[schema(value_type = Option<String>, max_length = 5000, example = "Backend developer who likes databases.")]
    bio: Input<String>,
    #[schema(value_type = Option<Vec<String>>, max_items = 20, example = json!(["https://git.example/carl"]))]
    social_links: Input<Vec<String>>,
    #[schema(value_type = Option<String>, max_length = 50, example = "male")]
    gender: Input<String>,
    #[schema(value_type = Option<String>, format = Date, example = "1995-04-30")]
    birth_date: Input<String>,
}

impl Request for PersonalRequest {
    const LISTS: &'static [&'static str] = &["social_links"];
    const FILE: Option<&'static str> = Some("profile_pic");
}

/// `PUT` and `PATCH /candidate/profile/`
pub(crate) async fn revise_personal(
    app: Data<App>,
    Caller(actor): Caller,
    IfMatch(precondition): IfMatch,
    body: Body<PersonalRequest>,
) -> Answer {
    let mut violations = Violations::default();
    let PersonalRequest { user, first_name, last_name, address, bio, social_links, gender, birth_date } = body.value;
    let user = user.optional("user", &mut violations);
    let first_name = first_name.change_text("first_name", &mut violations);
    let last_name = last_name.change_text("last_name", &mut violations);
    let address = address.change_text("address", &mut violations);
    let bio = bio.change_text("bio", &mut violations);
    let social_links: Change<Vec<WebAddress>> =
        social_links.change_list("social_links", MAX_SOCIAL_LINKS, &mut violations, WebAddress::parse);
    let gender = gender.change_text("gender", &mut violations);
    let birth_date = birth_date.change("birth_date", &mut violations, |raw| {
        NaiveDate::parse_from_str(raw.trim(), "%Y-%m-%d")
            .map_err(|_| "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.")
    });
    let told = PersonalDetails { birth_date: birth_date.apply(None), ..PersonalDetails::default() };
    violations.extend(told.validate(app.clock.now()));
    let picture = upload(&app, "profile_pic", DocumentKind::ProfilePicture, body.file, &mut violations)?;
    violations.into_result()?;
    let revise = move |present: PersonalDetails| PersonalDetails {
        first_name: first_name.apply(present.first_name),
        last_name: last_name.apply(present.last_name),
        address: address.apply(present.address),
        bio: bio.apply(present.bio),
        social_links: social_links.apply(Some(present.social_links)).unwrap_or_default(),
        gender: gender.apply(present.gender),
        birth_date: birth_date.apply(present.birth_date),
    };
    let profile = run_with_upload(&app, picture, move |app, picture| {
        app.candidates.revise_personal(&actor, &RevisePersonal { user, revise, picture, precondition })
    })
    .await?;
    let version = profile.version;
    Ok(versioned(HttpResponse::Ok().json(CandidateBody::from(profile)), version))
}

pub(crate) fn revise_personal_doc() -> Operation {
    Operation::new(TAG, "candidates_revise_personal", "Change the personal part of the own profile")
        .about("What is left out stays; `null` or an empty text takes a value away. A picture is JPEG, PNG or WebP of at most 2 MiB.")
        .ok::<CandidateBody>("The profile as it is now.")
        .refuses(StatusCode::NOT_FOUND)
}
