use chrono::DateTime;
use jobportal_application::{JobOrder, SearchPosition};

use super::statement::Statement;
use crate::time::At;

/// The order of jobs `j` in SQL, the index that has it on both engines, and the column that it goes by.
pub(super) const fn order_of(order: JobOrder) -> (&'static str, &'static str, &'static str) {
    match order {
        JobOrder::Relevance | JobOrder::Newest => ("j.posted_at DESC, j.id DESC", "jobs_newest_idx", "j.posted_at"),
        JobOrder::Deadline => ("j.deadline, j.id DESC", "jobs_deadline_idx", "j.deadline"),
        JobOrder::Salary => ("j.salary_yearly_maximum DESC, j.id DESC", "jobs_salary_idx", "j.salary_yearly_maximum"),
    }
}

/// Writes that a job of `from`, whose order is by a column `place`, comes after a position.
pub(crate) fn after<C>(to: &mut Statement<C>, order: JobOrder, position: SearchPosition, place: &str, id: &str) {
    let time = At(DateTime::from_timestamp_micros(position.key).unwrap_or_default());
    let key = |to: &mut Statement<C>| match order {
        JobOrder::Newest | JobOrder::Deadline => {
            to.time(time);
        }
        JobOrder::Relevance | JobOrder::Salary => {
            to.number(position.key);
        }
    };
    if order == JobOrder::Deadline {
        // Two directions are no range of an index; the first part is.
        to.sql(place).sql(" >= ");
        key(to);
        to.sql(" AND (").sql(place).sql(" > ");
        key(to);
        to.sql(" OR ").sql(id).sql(" < ").number(position.id).sql(")");
    } else {
        to.sql("(").sql(place).sql(", ").sql(id).sql(") < (");
        key(to);
        to.sql(", ").number(position.id).sql(")");
    }
}

/// Writes the order of jobs `j`.
pub(crate) fn ordered<C>(to: &mut Statement<C>, order: JobOrder) {
    to.sql(" ORDER BY ").sql(order_of(order).0);
}

/// Writes that a job `j` comes after a position.
pub(crate) fn after_job<C>(to: &mut Statement<C>, order: JobOrder, position: SearchPosition) {
    to.sql(" AND ");
    after(to, order, position, order_of(order).2, "j.id");
}
