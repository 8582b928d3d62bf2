//! Api-versions: how they are written, ordered, and resolved to one that is served.

use std::fmt;

use crate::error::ApiError;

/// `2024-03-07`, or `2021-10-01-preview7`. Ordered by date, a preview before the stable version of
/// its day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ApiVersion {
    year: u16,
    month: u8,
    day: u8,
    stage: Stage,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Stage {
    /// `-preview` without a number is 0.
    Preview(u16),
    Stable,
}

impl ApiVersion {
    pub const fn stable(year: u16, month: u8, day: u8) -> Self {
        Self {
            year,
            month,
            day,
            stage: Stage::Stable,
        }
    }
    pub const fn preview(year: u16, month: u8, day: u8, number: u16) -> Self {
        Self {
            year,
            month,
            day,
            stage: Stage::Preview(number),
        }
    }
    /// For paths that take no api-version, such as samband's own.
    pub const NONE: Self = Self::preview(0, 0, 0, 0);

    pub fn parse(text: &str) -> Option<Self> {
        let (date, stage) = match text.split_once("-preview") {
            None => (text, Stage::Stable),
            Some((date, "")) => (date, Stage::Preview(0)),
            Some((date, number)) => (date, Stage::Preview(digits(number)?)),
        };
        let mut parts = date.split('-');
        let (year, month, day) = (parts.next()?, parts.next()?, parts.next()?);
        if parts.next().is_some() || year.len() != 4 || month.len() != 2 || day.len() != 2 {
            return None;
        }
        let (year, month, day) = (digits(year)?, digits(month)?, digits(day)?);
        let in_calendar = (1..=12).contains(&month) && (1..=31).contains(&day);
        in_calendar.then_some(Self {
            year,
            month: month as u8,
            day: day as u8,
            stage,
        })
    }
}

fn digits(text: &str) -> Option<u16> {
    (text.len() <= 4 && text.bytes().all(|b| b.is_ascii_digit()))
        .then(|| text.parse().ok())
        .flatten()
}

impl fmt::Display for ApiVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)?;
        match self.stage {
            Stage::Stable => Ok(()),
            Stage::Preview(0) => f.write_str("-preview"),
            Stage::Preview(number) => write!(f, "-preview{number}"),
        }
    }
}

/// What a request's `api-version` came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resolved {
    pub served: ApiVersion,
    /// The version that was asked for, where it is not one that is known.
    pub unknown: Option<ApiVersion>,
}

/// Resolves what a request asks for against the versions that a service knows, oldest first.
///
/// A version that is well formed but not known is served as the nearest older known one (older
/// than all: the oldest), because a new SDK must not break an app; `strict` refuses it instead.
pub fn resolve(asked: Option<&str>, known: &[ApiVersion], strict: bool) -> Result<Resolved, ApiError> {
    let refuse = |what: String| {
        let served: Vec<_> = known.iter().map(ToString::to_string).collect();
        ApiError::bad_request(format!("{what} The versions served are: {}.", served.join(", ")))
            .with_code("UnsupportedApiVersion")
            .with_target("api-version")
    };
    let Some(asked) = asked else {
        return Err(refuse("The query parameter 'api-version' is required.".into()));
    };
    let Some(version) = ApiVersion::parse(asked) else {
        return Err(refuse(format!(
            "The api-version '{}' is malformed.",
            crate::error::shorten(asked)
        )));
    };
    let newer = known.partition_point(|candidate| *candidate <= version);
    let nearest = known[newer.saturating_sub(1)];
    if nearest == version {
        return Ok(Resolved {
            served: version,
            unknown: None,
        });
    }
    if strict {
        return Err(refuse(format!("The api-version '{version}' is not known.")));
    }
    Ok(Resolved {
        served: nearest,
        unknown: Some(version),
    })
}

/// The api-versions of a service, oldest first. A row declares the module of that name, which has a `SHAPE`, and
/// puts it into `SHAPES`, from which everything else is made: it is all that a version costs beside its file.
#[macro_export]
macro_rules! versions {
    ($($version:ident),+ $(,)?) => {
        $(mod $version;)+

        const SHAPES: &[&Shape] = &[$(&$version::SHAPE),+];
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    const KNOWN: &[ApiVersion] = &[
        ApiVersion::preview(2020, 9, 21, 2),
        ApiVersion::stable(2021, 3, 7),
        ApiVersion::preview(2023, 11, 15, 0),
        ApiVersion::stable(2024, 3, 7),
    ];

    fn served(asked: &str) -> String {
        resolve(Some(asked), KNOWN, false).unwrap().served.to_string()
    }

    #[test]
    fn known_versions_serve_themselves() {
        for version in KNOWN {
            assert_eq!(served(&version.to_string()), version.to_string());
        }
    }

    #[test]
    fn unknown_ones_serve_the_nearest_older() {
        assert_eq!(served("2019-01-01"), "2020-09-21-preview2");
        assert_eq!(served("2021-04-05-preview6"), "2021-03-07");
        assert_eq!(served("2023-11-15"), "2023-11-15-preview");
        assert_eq!(served("2024-03-07-preview"), "2023-11-15-preview");
        assert_eq!(served("2031-01-01"), "2024-03-07");
        assert!(resolve(Some("2031-01-01"), KNOWN, true).is_err());
    }

    #[test]
    fn malformed_ones_are_refused_naming_those_served() {
        for asked in [
            "",
            "latest",
            "2024-3-7",
            "2024-13-01",
            "2024-03-07-beta",
            "2024-03-07-previewx",
            "2024-03-07 ",
        ] {
            let error = resolve(Some(asked), KNOWN, false).unwrap_err();
            assert_eq!(error.status.as_u16(), 400, "{asked}");
            assert!(error.message.contains("2024-03-07"), "{}", error.message);
        }
        assert!(resolve(None, KNOWN, false).is_err());
    }
}
