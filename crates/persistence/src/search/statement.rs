use std::marker::PhantomData;

use diesel::backend::Backend;
use diesel::expression::{ValidGrouping, is_aggregate};
use diesel::prelude::*;
use diesel::query_builder::{AstPass, Query, QueryFragment, QueryId};
use diesel::serialize::ToSql;
use diesel::sql_types::{BigInt, Bool, HasSqlType, Text};

use crate::schema::jobs;
use crate::time::{At, Instant};

/// A statement whose shape is not known before it is made: SQL with values between. `Columns` is what it returns.
pub(crate) struct Statement<Columns> {
    parts: Vec<Part>,
    is_kept: bool,
    columns: PhantomData<Columns>,
}

enum Part {
    Sql(String),
    Text(String),
    Number(i64),
    Time(At),
}

impl<Columns> Statement<Columns> {
    /// One that the connection keeps prepared: there may be few of its kind.
    pub(crate) fn kept() -> Self {
        Self { parts: Vec::new(), is_kept: true, columns: PhantomData }
    }

    /// One that is planned each time it is run.
    pub(crate) fn once() -> Self {
        Self { is_kept: false, ..Self::kept() }
    }

    pub(crate) fn sql(&mut self, sql: &str) -> &mut Self {
        match self.parts.last_mut() {
            Some(Part::Sql(last)) => last.push_str(sql),
            _ => self.parts.push(Part::Sql(sql.to_owned())),
        }
        self
    }

    /// Binds a text. PostgreSQL takes no NUL; like every control character it is in nothing that is looked for.
    pub(crate) fn text(&mut self, text: &str) -> &mut Self {
        self.parts.push(Part::Text(text.replace('\0', "\u{1}")));
        self
    }

    pub(crate) fn number(&mut self, number: i64) -> &mut Self {
        self.parts.push(Part::Number(number));
        self
    }

    pub(crate) fn time(&mut self, time: At) -> &mut Self {
        self.parts.push(Part::Time(time));
        self
    }
}

impl<Columns> QueryId for Statement<Columns> {
    type QueryId = ();
    const HAS_STATIC_QUERY_ID: bool = false;
}

impl<Columns> Query for Statement<Columns> {
    type SqlType = Columns;
}

impl<Connection, Columns> RunQueryDsl<Connection> for Statement<Columns> {}

/// It may be a condition, too.
impl Expression for Statement<Bool> {
    type SqlType = Bool;
}

impl ValidGrouping<()> for Statement<Bool> {
    type IsAggregate = is_aggregate::Never;
}

impl<Source> AppearsOnTable<Source> for Statement<Bool> where jobs::id: AppearsOnTable<Source> {}

impl<DB, Columns> QueryFragment<DB> for Statement<Columns>
where
    DB: Backend + HasSqlType<Instant>,
    str: ToSql<Text, DB>,
    i64: ToSql<BigInt, DB>,
    At: ToSql<Instant, DB>,
{
    fn walk_ast<'b>(&'b self, mut out: AstPass<'_, 'b, DB>) -> QueryResult<()> {
        if !self.is_kept {
            out.unsafe_to_cache_prepared();
        }
        for part in &self.parts {
            match part {
                Part::Sql(sql) => out.push_sql(sql),
                Part::Text(text) => out.push_bind_param::<Text, _>(text.as_str())?,
                Part::Number(number) => out.push_bind_param::<BigInt, _>(number)?,
                Part::Time(time) => out.push_bind_param::<Instant, _>(time)?,
            }
        }
        Ok(())
    }
}
