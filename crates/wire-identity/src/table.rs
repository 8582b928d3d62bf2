//! The operations of Identity and their history.

use samband_wire_core::{ApiVersion, Auth, Endpoint, Envelope, Method, Rate, RateScope, Served, Service};

use crate::SHAPES;
use crate::about::{ABOUT, EXCHANGE_ABOUT};

pub static VERSIONS: [ApiVersion; SHAPES.len()] = {
    let mut versions = [ApiVersion::NONE; SHAPES.len()];
    let mut i = 0;
    while i < SHAPES.len() {
        versions[i] = SHAPES[i].version;
        i += 1;
    }
    versions
};

const V2020_07: ApiVersion = ApiVersion::preview(2020, 7, 20, 2);
/// The first version after the administration package.
const V2021_02: ApiVersion = ApiVersion::preview(2021, 2, 22, 1);
const V2021_03_31: ApiVersion = ApiVersion::preview(2021, 3, 31, 1);

pub static SERVICE: Service = Service {
    name: "identity",
    versions: &VERSIONS,
    envelope: |_| Envelope::Nested,
    endpoints: &[
        Endpoint::new(
            "CreateIdentity",
            Auth::Key,
            &[
                Served::always(Method::Post, "/identities", 200)
                    .since(V2020_07)
                    .until(V2021_02),
                Served::always(Method::Post, "/identities", 201).since(V2021_02),
            ],
        ),
        Endpoint::new(
            "DeleteIdentity",
            Auth::Key,
            &[Served::always(Method::Delete, "/identities/{id}", 204)],
        ),
        Endpoint::new(
            "UpdateIdentity",
            Auth::Key,
            &[Served::always(Method::Patch, "/identities/{id}", 204).until(V2021_02)],
        ),
        Endpoint::new(
            "RevokeAccessTokens",
            Auth::Key,
            &[Served::always(Method::Post, "/identities/{id}/:revokeAccessTokens", 204).since(V2021_02)],
        ),
        Endpoint::new(
            "IssueAccessToken",
            Auth::Key,
            &[
                Served::always(Method::Post, "/identities/{id}/token", 200).until(V2021_02),
                Served::always(Method::Post, "/identities/{id}/:issueAccessToken", 200).since(V2021_02),
            ],
        ),
        Endpoint::new(
            "ExchangeTeamsUserAccessToken",
            Auth::Key,
            &[Served::always(Method::Post, "/teamsUser/:exchangeAccessToken", 200).since(V2021_03_31)],
        ),
    ],
    // Specs, section 6: within 30 seconds.
    rates: &[
        Rate::new("CreateIdentity", RateScope::Resource, &[(1_000, 30)]),
        Rate::new("DeleteIdentity", RateScope::Resource, &[(500, 30)]),
        Rate::new("IssueAccessToken", RateScope::Resource, &[(1_000, 30)]),
        Rate::new("RevokeAccessTokens", RateScope::Resource, &[(500, 30)]),
        Rate::new("ExchangeTeamsUserAccessToken", RateScope::Resource, &[(500, 30)]),
    ],
    about: ABOUT,
};

/// The exchanges that newer common libraries know; they have api-versions of their own.
pub static EXCHANGE_VERSIONS: [ApiVersion; 2] = [ApiVersion::preview(2025, 3, 2, 0), ApiVersion::stable(2025, 6, 30)];

pub static EXCHANGE: Service = Service {
    name: "exchange",
    versions: &EXCHANGE_VERSIONS,
    envelope: |_| Envelope::Nested,
    endpoints: &[
        Endpoint::new(
            "ExchangeEntraAccessToken",
            Auth::Open,
            &[Served::always(Method::Post, "/access/entra/:exchangeAccessToken", 200)],
        ),
        Endpoint::new(
            "ExchangeTeamsExtensionAccessToken",
            Auth::Open,
            &[Served::always(
                Method::Post,
                "/access/teamsExtension/:exchangeAccessToken",
                200,
            )],
        ),
    ],
    rates: &[],
    about: EXCHANGE_ABOUT,
};

#[cfg(test)]
mod tests {
    #[test]
    fn the_tables_are_sound() {
        for service in [&super::SERVICE, &super::EXCHANGE] {
            assert_eq!(service.faults(), Vec::<String>::new());
        }
    }
}
