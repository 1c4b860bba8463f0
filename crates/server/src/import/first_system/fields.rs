//! Columns of a row as members of an object of the app.

use holdfast_store::Json;
use holdfast_store::foreign::{Row, Value};

/// An object made from one row, member by member in the order of the calls. NULL is absent unless it says
/// otherwise; a column that holds something else than it should is an error with its name.
pub(super) struct Fields<'a> {
    row: &'a Row,
    members: Vec<(&'static str, Json)>,
}

impl<'a> Fields<'a> {
    pub(super) fn of(row: &'a Row) -> Self {
        Self { row, members: Vec::new() }
    }

    /// Text.
    pub(super) fn text(mut self, member: &'static str, column: &str) -> Result<Self, String> {
        if let Some(text) = optional_text(self.row, column)? {
            self.members.push((member, Json::string(text)));
        }
        Ok(self)
    }

    /// A number.
    pub(super) fn number(mut self, member: &'static str, column: &str) -> Result<Self, String> {
        if let Some(number) = number(self.row, column)? {
            self.members.push((member, number));
        }
        Ok(self)
    }

    /// A number or null.
    pub(super) fn nullable(mut self, member: &'static str, column: &str) -> Result<Self, String> {
        let number = number(self.row, column)?.unwrap_or_else(null);
        self.members.push((member, number));
        Ok(self)
    }

    /// A number that was written into a text column; text that is none stays text.
    pub(super) fn number_as_text(self, member: &'static str, column: &str) -> Result<Self, String> {
        let Value::Text(text) = value(self.row, column)? else { return self.number(member, column) };
        match text.parse::<i64>() {
            Ok(number) => Ok(self.with(member, Json::from_value(&number.into()))),
            Err(_) => self.text(member, column),
        }
    }

    /// `true` where the column is not 0: the app leaves out what is false.
    pub(super) fn flag(self, member: &'static str, column: &str) -> Result<Self, String> {
        match value(self.row, column)? {
            Value::Null | Value::Integer(0) => Ok(self),
            Value::Integer(_) => Ok(self.with(member, Json::from_value(&true.into()))),
            Value::Real(_) | Value::Text(_) | Value::Bytes(_) => {
                Err(format!("the column '{column}' is neither 0 nor 1"))
            }
        }
    }

    /// JSON that was written as text.
    pub(super) fn json(self, member: &'static str, column: &str) -> Result<Self, String> {
        match json(self.row, column)? {
            Some(value) => Ok(self.with(member, value)),
            None => Ok(self),
        }
    }

    /// A value from elsewhere.
    pub(super) fn with(mut self, member: &'static str, value: Json) -> Self {
        self.members.push((member, value));
        self
    }

    pub(super) fn object(self) -> Json {
        Json::object(self.members.iter().map(|(member, value)| (*member, value)))
    }
}

/// What stands in a column. One that is not there would be a loss without a word.
fn value<'a>(row: &'a Row, column: &str) -> Result<&'a Value, String> {
    row.get(column).ok_or_else(|| format!("the table has no column '{column}'"))
}

/// Text that must be there.
pub(super) fn text<'a>(row: &'a Row, column: &str) -> Result<&'a str, String> {
    optional_text(row, column)?.ok_or_else(|| format!("the column '{column}' is empty"))
}

pub(super) fn optional_text<'a>(row: &'a Row, column: &str) -> Result<Option<&'a str>, String> {
    match value(row, column)? {
        Value::Null => Ok(None),
        Value::Text(text) => Ok(Some(text)),
        Value::Integer(_) | Value::Real(_) | Value::Bytes(_) => {
            Err(format!("the column '{column}' holds no text"))
        }
    }
}

pub(super) fn integer(row: &Row, column: &str) -> Result<Option<i64>, String> {
    match value(row, column)? {
        Value::Null => Ok(None),
        Value::Integer(number) => Ok(Some(*number)),
        Value::Real(_) | Value::Text(_) | Value::Bytes(_) => {
            Err(format!("the column '{column}' holds no whole number"))
        }
    }
}

fn number(row: &Row, column: &str) -> Result<Option<Json>, String> {
    match value(row, column)? {
        Value::Real(number) => Ok(Some(Json::from_value(&(*number).into()))),
        _ => Ok(integer(row, column)?.map(|number| Json::from_value(&number.into()))),
    }
}

pub(super) fn json(row: &Row, column: &str) -> Result<Option<Json>, String> {
    let Some(text) = optional_text(row, column)? else { return Ok(None) };
    Json::parse(text).map(Some).map_err(|why| format!("the column '{column}' is no JSON: {why}"))
}

pub(super) fn null() -> Json {
    Json::from_value(&serde_json::Value::Null)
}

/// `CURRENT_TIMESTAMP` of SQLite, `2026-01-31 12:00:00` in UTC, in milliseconds since 1970.
pub(super) fn moment(row: &Row, column: &str) -> Result<i64, String> {
    let text = text(row, column)?;
    let moment = text.parse::<jiff::civil::DateTime>().and_then(|t| jiff::tz::Offset::UTC.to_timestamp(t));
    moment
        .map(|moment| moment.as_millisecond())
        .map_err(|_| format!("the column '{column}' is no time: '{text}'"))
}
