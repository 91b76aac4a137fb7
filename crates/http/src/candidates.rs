use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse};
use chrono::NaiveDate;
use jobportal_application::{CandidateAccount, RevisePersonal, ReviseProfessional};
use jobportal_domain::{
    CandidateId, CandidateProfile, DocumentKind, MAX_ENTRIES_PER_SECTION, MAX_SOCIAL_LINKS, PersonalDetails,
    ProfessionalDetails, ProfessionalProfile, Section, Text, Violations, WebAddress,
};
use serde::{Deserialize, Serialize};

use crate::App;
use crate::accounts::ContactBody;
use crate::body::{Body, Request};
use crate::documents::{run_with_upload, upload};
use crate::error::ApiError;
use crate::extract::{Caller, Candidate, PathId};
use crate::input::{Change, Input};
use crate::page::{Paging, array};
use crate::wire::DocumentPath;

type Answer = Result<HttpResponse, ApiError>;

/// The professional part of a profile, as the API writes it.
#[derive(Serialize)]
pub(crate) struct ProfessionalBody {
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
    candidate: i64,
}

impl ProfessionalBody {
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
#[derive(Serialize)]
pub(crate) struct CandidateBody {
    id: i64,
    profile_details: Option<ProfessionalBody>,
    first_name: Option<String>,
    last_name: Option<String>,
    address: Option<String>,
    profile_pic: Option<DocumentPath>,
    bio: Option<String>,
    social_links: Option<Vec<String>>,
    gender: Option<String>,
    birth_date: Option<String>,
    user: i64,
}

impl From<CandidateProfile> for CandidateBody {
    fn from(profile: CandidateProfile) -> Self {
        let PersonalDetails { first_name, last_name, address, bio, social_links, gender, birth_date } =
            profile.personal;
        let links: Vec<String> = social_links.iter().map(ToString::to_string).collect();
        Self {
            id: profile.id.0,
            profile_details: profile.professional.as_ref().map(|p| ProfessionalBody::new(profile.id, p)),
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
#[derive(Serialize)]
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

/// `GET /candidate/profile/`
pub(crate) async fn own(app: Data<App>, Candidate(actor): Candidate) -> Answer {
    let account = app.run(move |app| app.candidates.own(&actor)).await?;
    Ok(HttpResponse::Ok().json(CandidateAccountBody::from(account)))
}

/// `GET /candidate/profile/{id}/`
pub(crate) async fn find(app: Data<App>, Caller(actor): Caller, PathId(id): PathId) -> Answer {
    let account = app.run(move |app| app.candidates.find(&actor, CandidateId(id))).await?;
    Ok(HttpResponse::Ok().json(CandidateAccountBody::from(account)))
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

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct ProfessionalRequest {
    user: Input<i64>,
    candidate: Input<i64>,
    education: Input<Vec<String>>,
    experience: Input<Vec<String>>,
    skills: Input<Vec<String>>,
    languages: Input<Vec<String>>,
    projects: Input<Vec<String>>,
    certificate: Input<Vec<String>>,
    awards: Input<Vec<String>>,
    club_and_committee: Input<Vec<String>>,
    #[serde(rename = "Competitive_exams")]
    competitive_exams: Input<Vec<String>>,
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
    Candidate(actor): Candidate,
    mut body: Body<ProfessionalRequest>,
) -> Answer {
    let mut violations = Violations::default();
    let user = std::mem::take(&mut body.value.user).optional("user", &mut violations);
    let (candidate, details) = body.value.details(&mut violations);
    let resume = upload(&app, "resume", DocumentKind::Resume, body.file, &mut violations)?;
    violations.into_result()?;
    actor.require_own_user(user)?;
    let (id, profile) = run_with_upload(&app, resume, move |app, resume| {
        app.candidates.revise_professional(&actor, &ReviseProfessional { candidate, details, resume })
    })
    .await?;
    Ok(HttpResponse::Ok().json(ProfessionalBody::new(id, &profile)))
}

#[derive(Default, Deserialize)]
#[serde(default)]
pub(crate) struct PersonalRequest {
    user: Input<i64>,
    first_name: Input<String>,
    last_name: Input<String>,
    address: Input<String>,
    bio: Input<String>,
    social_links: Input<Vec<String>>,
    gender: Input<String>,
    birth_date: Input<String>,
}

impl Request for PersonalRequest {
    const LISTS: &'static [&'static str] = &["social_links"];
    const FILE: Option<&'static str> = Some("profile_pic");
}

/// `PUT` and `PATCH /candidate/profile/`
pub(crate) async fn revise_personal(
    app: Data<App>,
    Candidate(actor): Candidate,
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
        app.candidates.revise_personal(&actor, &RevisePersonal { user, revise, picture })
    })
    .await?;
    Ok(HttpResponse::Ok().json(CandidateBody::from(profile)))
}
