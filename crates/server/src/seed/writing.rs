//! Puts made-up texts together.

use fake::Fake;
use fake::faker::address::en::{BuildingNumber, StreetName};
use fake::faker::name::en::LastName;
use jobportal_application::{Error, Result};
use jobportal_domain::{ExperienceLevel, JobSubtype, ProfessionalDetails, Section, Text, WebAddress};
use rand::RngExt;
use rand::rngs::ChaCha8Rng;
use rand::seq::IndexedRandom;

use super::fields::Field;
use super::generator::Employer;
use super::vocabulary::{
    AWARDS, CITIES, CLOSINGS, CLUBS, City, EXAMS, LANGUAGES, LETTER_CLOSINGS, LETTER_MIDDLES, LETTER_OPENINGS, OFFERS,
    OPENINGS,
};

pub(super) fn title(
    field: &Field,
    level: ExperienceLevel,
    subtype: JobSubtype,
    rng: &mut ChaCha8Rng,
) -> Result<String> {
    let occupation = pick(rng, field.occupations)?;
    Ok(match level {
        ExperienceLevel::Entry if subtype == JobSubtype::Internship => format!("{occupation} (Internship)"),
        ExperienceLevel::Entry => format!("{} {occupation}", pick(rng, &["Junior", "Junior", "Trainee", "Assistant"])?),
        ExperienceLevel::Mid => (*occupation).to_owned(),
        ExperienceLevel::Senior => format!("{} {occupation}", pick(rng, &["Senior", "Senior", "Lead"])?),
        ExperienceLevel::Director => format!("Head of {}", capitalised(field.name)),
        ExperienceLevel::Executive => field.executive.to_owned(),
    })
}

pub(super) fn description(
    title: &str,
    employer: &Employer,
    field: &Field,
    level: ExperienceLevel,
    city: &City,
    rng: &mut ChaCha8Rng,
) -> Result<String> {
    let opening = pick(rng, OPENINGS)?
        .replace("{company}", employer.company.as_str())
        .replace("{city}", city.name)
        .replace("{field}", employer.field.name)
        .replace("{a title}", &with_article(title))
        .replace("{title}", title);
    let experience = match level {
        ExperienceLevel::Entry => "No experience needed, but a wish to learn".to_owned(),
        ExperienceLevel::Mid => format!("{} or more years in {}", rng.random_range(2..5), field.name),
        ExperienceLevel::Senior => format!("{} or more years in {}", rng.random_range(5..9), field.name),
        _ => format!("{} or more years in {}, some of them leading teams", rng.random_range(9..16), field.name),
    };
    let duties = some(rng, field.duties, 4..7);
    let mut needs = vec![experience, format!("{} or similar", pick(rng, field.degrees)?)];
    needs.push(format!("Good knowledge of {}", some(rng, field.skills, 2..5).join(", ")));
    needs.push(format!(
        "{} and English, spoken and written",
        if city.country == "Bangladesh" { "Bengali" } else { "The local language" }
    ));
    let needs: Vec<&str> = needs.iter().map(String::as_str).collect();
    Ok(format!(
        "{opening}\n\nWhat you will do\n{}\n\nWhat you bring\n{}\n\nWhat we offer\n{}\n\n{}",
        bullets(&duties),
        bullets(&needs),
        bullets(&some(rng, OFFERS, 3..6)),
        pick(rng, CLOSINGS)?,
    ))
}

fn with_article(title: &str) -> String {
    // The H of HR is spoken with a vowel.
    let article = if title.starts_with(['A', 'E', 'I', 'O']) || title.starts_with("HR ") { "an" } else { "a" };
    format!("{article} {title}")
}

fn capitalised(words: &str) -> String {
    let capital = |word: &str| match word.chars().next() {
        Some(first) if word != "and" => word.replacen(first, &first.to_uppercase().to_string(), 1),
        _ => word.to_owned(),
    };
    words.split(' ').map(capital).collect::<Vec<_>>().join(" ")
}

/// A number of years in words.
pub(super) fn years_of(years: i64) -> String {
    match years {
        0 => "less than a year".to_owned(),
        1 => "1 year".to_owned(),
        _ => format!("{years} years"),
    }
}

fn bullets(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("- {line}")).collect::<Vec<_>>().join("\n")
}

pub(super) fn salary_range(city: &City, level: ExperienceLevel, rng: &mut ChaCha8Rng) -> String {
    let percent = match level {
        ExperienceLevel::Entry => 100,
        ExperienceLevel::Mid => 160,
        ExperienceLevel::Senior => 240,
        ExperienceLevel::Director => 360,
        ExperienceLevel::Executive => 550,
    };
    let low = u64::from(city.base_pay) * percent * rng.random_range(85..116) / 10_000;
    let high = low * rng.random_range(115..146) / 100;
    let step = match low {
        0..10_000 => 100,
        10_000..100_000 => 500,
        100_000..1_000_000 => 5_000,
        _ => 50_000,
    };
    let rounded = |pay: u64| grouped(pay.div_ceil(step) * step);
    format!("{} {} - {} per {}", city.currency, rounded(low), rounded(high), city.period)
}

/// A number with a comma between thousands.
fn grouped(number: u64) -> String {
    if number < 1_000 { number.to_string() } else { format!("{},{:03}", grouped(number / 1_000), number % 1_000) }
}

pub(super) fn professional(
    field: &Field,
    city: &City,
    occupation: &str,
    years: i64,
    rng: &mut ChaCha8Rng,
) -> Result<ProfessionalDetails> {
    let mut details = ProfessionalDetails::default();
    let mut set = |section, entries: Vec<String>| {
        let entries = entries.iter().map(text).collect::<Result<Vec<_>>>()?;
        details.set(section, entries).map_err(|problem| Error::Internal(problem.into()))
    };
    set(Section::Education, vec![format!("{}, {}", pick(rng, field.degrees)?, city.university)])?;
    let positions = (years + 4) / 5;
    let experience = (0..positions)
        .map(|_| {
            let company = format!("{} {}", name(&LastName(), rng), pick(rng, field.companies)?);
            Ok(format!("{occupation} at {company}, {}", years_of(rng.random_range(1..6))))
        })
        .collect::<Result<_>>()?;
    set(Section::Experience, experience)?;
    let owned = |entries: Vec<&str>| entries.into_iter().map(str::to_owned).collect();
    set(Section::Skills, owned(some(rng, field.skills, 2..6)))?;
    set(Section::Languages, owned(some(rng, LANGUAGES, 1..4)))?;
    let project = pick(rng, field.duties)?.trim_end_matches('.').to_owned();
    set(Section::Projects, if rng.random_bool(0.5) { vec![project] } else { Vec::new() })?;
    set(Section::Certificates, owned(some(rng, field.certificates, 0..3)))?;
    set(Section::Awards, owned(some(rng, AWARDS, 0..2)))?;
    set(Section::Clubs, owned(some(rng, CLUBS, 0..2)))?;
    set(Section::Exams, owned(some(rng, EXAMS, 0..3)))?;
    Ok(details)
}

/// Why someone applies.
pub(super) fn letter(title: &Text<200>, rng: &mut ChaCha8Rng) -> Result<Text<10_000>> {
    text(format!(
        "{}\n\n{}\n\n{}",
        pick(rng, LETTER_OPENINGS)?
            .replace("{a title}", &with_article(title.as_str()))
            .replace("{title}", title.as_str()),
        some(rng, LETTER_MIDDLES, 2..4).join(" "),
        pick(rng, LETTER_CLOSINGS)?,
    ))
}

pub(super) fn address(city: &City, rng: &mut ChaCha8Rng) -> Result<Text<500>> {
    let street: String = StreetName().fake_with_rng(rng);
    let number: String = BuildingNumber().fake_with_rng(rng);
    text(format!("{number} {street}, {}, {}", city.name, city.country))
}

pub(super) fn name<N>(source: &N, rng: &mut ChaCha8Rng) -> &'static str
where
    &'static str: fake::Dummy<N>,
{
    fake::Dummy::dummy_with_rng(source, rng)
}

pub(super) fn draw_city(rng: &mut ChaCha8Rng) -> Result<&'static City> {
    CITIES.choose_weighted(rng, |city| city.weight).map_err(internal)
}

pub(super) fn draw<T: Copy>(rng: &mut ChaCha8Rng, weighted: &[(T, u32)]) -> Result<T> {
    weighted.choose_weighted(rng, |(_, weight)| *weight).map(|(value, _)| *value).map_err(internal)
}

pub(super) fn pick<'a, T>(rng: &mut ChaCha8Rng, items: &'a [T]) -> Result<&'a T> {
    items.choose(rng).ok_or_else(|| Error::Internal("nothing to choose from".into()))
}

/// Some of `items`, as many as `count` says or as there are, in any order.
pub(super) fn some(rng: &mut ChaCha8Rng, items: &[&'static str], count: std::ops::Range<usize>) -> Vec<&'static str> {
    let count = rng.random_range(count);
    items.sample(rng, count).copied().collect()
}

pub(super) fn text<const MAX: usize>(raw: impl AsRef<str>) -> Result<Text<MAX>> {
    Text::parse(raw.as_ref()).map_err(internal)
}

pub(super) fn link(raw: &str) -> Result<WebAddress> {
    WebAddress::parse(raw).map_err(internal)
}

/// A name as a part of a domain or path.
pub(super) fn slug(name: &str) -> String {
    let plain = name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { ' ' });
    plain.collect::<String>().split_whitespace().collect::<Vec<_>>().join("-")
}

pub(super) fn internal(error: impl std::error::Error + Send + Sync + 'static) -> Error {
    Error::Internal(Box::new(error))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pay_is_grouped_by_thousands() {
        for (number, shown) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(number), shown);
        }
    }
}
