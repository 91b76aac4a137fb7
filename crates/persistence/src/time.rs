use chrono::{DateTime, NaiveDateTime, Utc};
use diesel::deserialize::{self, FromSql, FromSqlRow};
use diesel::expression::AsExpression;
use diesel::pg::{Pg, PgValue};
use diesel::query_builder::QueryId;
use diesel::serialize::{self, IsNull, Output, ToSql};
use diesel::sql_types::{SqlType, Text, Timestamptz};
use diesel::sqlite::{Sqlite, SqliteValue};

/// The SQL type of an instant to the microsecond: `timestamptz` in PostgreSQL; in SQLite a text of fixed width, whose order is
/// that of time.
#[derive(Clone, Copy, Debug, SqlType, QueryId)]
#[diesel(postgres_type(oid = 1184, array_oid = 1185))]
#[diesel(sqlite_type(name = "Text"))]
pub struct Instant;

/// An instant in a row or a query.
#[derive(Clone, Copy, Debug, AsExpression, FromSqlRow)]
#[diesel(sql_type = Instant)]
pub(crate) struct At(pub(crate) DateTime<Utc>);

const FORMAT: &str = "%Y-%m-%dT%H:%M:%S%.6fZ";

impl ToSql<Instant, Pg> for At {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Pg>) -> serialize::Result {
        ToSql::<Timestamptz, Pg>::to_sql(&self.0, out)
    }
}

impl FromSql<Instant, Pg> for At {
    fn from_sql(value: PgValue<'_>) -> deserialize::Result<Self> {
        FromSql::<Timestamptz, Pg>::from_sql(value).map(Self)
    }
}

impl ToSql<Instant, Sqlite> for At {
    fn to_sql<'b>(&'b self, out: &mut Output<'b, '_, Sqlite>) -> serialize::Result {
        out.set_value(self.0.format(FORMAT).to_string());
        Ok(IsNull::No)
    }
}

impl FromSql<Instant, Sqlite> for At {
    fn from_sql(value: SqliteValue<'_, '_, '_>) -> deserialize::Result<Self> {
        let text = <String as FromSql<Text, Sqlite>>::from_sql(value)?;
        Ok(Self(NaiveDateTime::parse_from_str(&text, FORMAT)?.and_utc()))
    }
}

#[cfg(test)]
mod tests {
    use diesel::prelude::*;
    use diesel::sqlite::SqliteConnection;

    use super::*;

    #[test]
    fn a_text_of_fixed_width_comes_back_to_the_microsecond() {
        let mut connection = SqliteConnection::establish(":memory:").unwrap();
        let at = DateTime::from_timestamp_micros(1_795_478_400_000_001).unwrap();
        let stored = diesel::select(At(at).into_sql::<Instant>()).get_result::<At>(&mut connection).unwrap();
        assert_eq!(stored.0, at);
        assert_eq!(at.format(FORMAT).to_string(), "2026-11-24T00:00:00.000001Z");
        assert_eq!(DateTime::UNIX_EPOCH.format(FORMAT).to_string(), "1970-01-01T00:00:00.000000Z");
    }
}
