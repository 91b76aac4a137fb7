//! What made-up texts are made of.

/// A city, and what work is paid there.
pub(super) struct City {
    pub(super) name: &'static str,
    pub(super) country: &'static str,
    /// By ISO 3166-1.
    pub(super) country_code: &'static str,
    pub(super) currency: &'static str,
    /// Pay of a beginner per `period`, in the currency.
    pub(super) base_pay: u32,
    pub(super) period: &'static str,
    pub(super) university: &'static str,
    /// How often it is drawn.
    pub(super) weight: u32,
}

const fn city(
    (name, country, country_code): (&'static str, &'static str, &'static str),
    (currency, base_pay, period): (&'static str, u32, &'static str),
    university: &'static str,
    weight: u32,
) -> City {
    City { name, country, country_code, currency, base_pay, period, university, weight }
}

const BDT: (&str, u32, &str) = ("BDT", 28_000, "month");
const INR: (&str, u32, &str) = ("INR", 350_000, "year");
const EUR: (&str, u32, &str) = ("EUR", 34_000, "year");
const GBP: (&str, u32, &str) = ("GBP", 27_000, "year");
const USD: (&str, u32, &str) = ("USD", 48_000, "year");

pub(super) const CITIES: &[City] = &[
    city(("Dhaka", "Bangladesh", "BD"), BDT, "University of Dhaka", 24),
    city(("Chattogram", "Bangladesh", "BD"), BDT, "University of Chittagong", 10),
    city(("Khulna", "Bangladesh", "BD"), BDT, "Khulna University", 5),
    city(("Rajshahi", "Bangladesh", "BD"), BDT, "University of Rajshahi", 5),
    city(("Sylhet", "Bangladesh", "BD"), BDT, "Shahjalal University of Science and Technology", 5),
    city(("Barishal", "Bangladesh", "BD"), BDT, "University of Barishal", 3),
    city(("Kolkata", "India", "IN"), INR, "University of Calcutta", 4),
    city(("Bengaluru", "India", "IN"), INR, "Indian Institute of Science", 5),
    city(("Mumbai", "India", "IN"), INR, "University of Mumbai", 4),
    city(("Delhi", "India", "IN"), INR, "University of Delhi", 4),
    city(("Singapore", "Singapore", "SG"), ("SGD", 3_600, "month"), "National University of Singapore", 4),
    city(("Kuala Lumpur", "Malaysia", "MY"), ("MYR", 3_200, "month"), "University of Malaya", 3),
    city(("Dubai", "United Arab Emirates", "AE"), ("AED", 7_000, "month"), "University of Dubai", 4),
    city(("Tokyo", "Japan", "JP"), ("JPY", 3_800_000, "year"), "University of Tokyo", 2),
    city(("Sydney", "Australia", "AU"), ("AUD", 62_000, "year"), "University of Sydney", 2),
    city(("London", "United Kingdom", "GB"), GBP, "University College London", 5),
    city(("Manchester", "United Kingdom", "GB"), GBP, "University of Manchester", 2),
    city(("Berlin", "Germany", "DE"), EUR, "Humboldt University of Berlin", 4),
    city(("Munich", "Germany", "DE"), EUR, "Technical University of Munich", 2),
    city(("Hamburg", "Germany", "DE"), EUR, "University of Hamburg", 2),
    city(("Paris", "France", "FR"), EUR, "Sorbonne University", 2),
    city(("Amsterdam", "Netherlands", "NL"), EUR, "University of Amsterdam", 2),
    city(("Madrid", "Spain", "ES"), ("EUR", 24_000, "year"), "Complutense University of Madrid", 2),
    city(("Lisbon", "Portugal", "PT"), ("EUR", 20_000, "year"), "University of Lisbon", 2),
    city(("Warsaw", "Poland", "PL"), ("PLN", 6_500, "month"), "University of Warsaw", 2),
    city(("Zürich", "Switzerland", "CH"), ("CHF", 72_000, "year"), "ETH Zürich", 1),
    city(("Toronto", "Canada", "CA"), ("CAD", 52_000, "year"), "University of Toronto", 3),
    city(("New York", "United States", "US"), USD, "Columbia University", 3),
    city(("Austin", "United States", "US"), USD, "University of Texas at Austin", 2),
    city(("São Paulo", "Brazil", "BR"), ("BRL", 4_200, "month"), "University of São Paulo", 2),
    city(("Nairobi", "Kenya", "KE"), ("KES", 70_000, "month"), "University of Nairobi", 2),
    city(("Lagos", "Nigeria", "NG"), ("NGN", 250_000, "month"), "University of Lagos", 2),
];

pub(super) const OPENINGS: &[&str] = &[
    "{company} in {city} is looking for {a title} to join the team.",
    "We are {company}, and we are growing: our team in {city} needs {a title}.",
    "{company} has worked in {field} for many years. To strengthen our office in {city} we want to hire {a title}.",
    "Would you like to work in {field} with people who care about it? {company} offers a position as {title} in {city}.",
    "For our site in {city} we seek, from the next possible date, {a title}.",
];

pub(super) const OFFERS: &[&str] = &[
    "A permanent team that you get to know before you sign",
    "Flexible hours, and two days a week from home where the work allows it",
    "Two festival bonuses a year and a provident fund",
    "Health insurance for you and your family",
    "A budget for courses, books and conferences",
    "Thirty days of paid leave",
    "A mentor for your first six months",
    "Lunch on working days, and tea at all hours",
    "A ticket for buses and trains",
    "Modern tools and a quiet place to work",
    "Real responsibility from the first day",
    "Paid parental leave",
];

pub(super) const CLOSINGS: &[&str] = &[
    "Send us your résumé and a few lines on why this is for you. We answer every application within two weeks.",
    "We look forward to your application. Tell us when you could start and what you expect to earn.",
    "We hire for ability, whatever your origin, gender, age or faith. If you meet most of the points above, do apply.",
    "After a first call we invite you for a day, so that you see the place and meet your colleagues.",
];

pub(super) const LANGUAGES: &[&str] =
    &["Bengali", "English", "Hindi", "German", "French", "Spanish", "Arabic", "Mandarin"];

pub(super) const AWARDS: &[&str] = &[
    "Employee of the year",
    "Dean's list",
    "First prize in a national contest",
    "Scholarship for outstanding results",
];

pub(super) const CLUBS: &[&str] =
    &["Debating society", "Cricket club", "Volunteer fire brigade", "Red Crescent Youth", "Chess club", "Rotaract"];

pub(super) const EXAMS: &[&str] =
    &["IELTS 7.5", "IELTS 6.5", "TOEFL 102", "GRE 318", "GMAT 640", "SSC GPA 5.00", "HSC GPA 4.83"];

pub(super) const LETTER_OPENINGS: &[&str] = &[
    "Dear hiring team,\n\nyour posting for {a title} describes the work I want to do next.",
    "Dear Sir or Madam,\n\nI would like to apply for the position as {title}.",
    "Hello,\n\nI read about your search for {a title} and did not hesitate long.",
];

pub(super) const LETTER_MIDDLES: &[&str] = &[
    "In my present position I have learned to work carefully and to deliver on time.",
    "What draws me to your company is that people there seem to take their work seriously, and themselves less so.",
    "For the last years I have done much of what you ask for, and I learn the rest quickly.",
    "My colleagues would tell you that I ask questions early and finish what I begin.",
    "I have looked for a place where I can stay and grow for a while, and yours reads like one.",
];

pub(super) const LETTER_CLOSINGS: &[&str] = &[
    "I would be glad to tell you more in person.",
    "You can reach me at any time by mail or phone.",
    "Thank you for reading; I look forward to your answer.",
];

pub(super) const NOTICE_PERIODS: &[&str] = &["Immediately", "2 weeks", "1 month", "1 month", "2 months", "3 months"];
