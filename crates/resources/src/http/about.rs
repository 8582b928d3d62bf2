//! The admin API of resources in words, and its bodies field by field.

use samband_wire_core::{About, Field, Kind, Object, Refusal};

const NO_RESOURCE: Refusal = Refusal::new(404, "NotFound", "there is no such resource");

pub(super) static ABOUT: &[About] = &[
    About::of("ListResources", "Lists the resources, in the order of their creation.").answers(&RESOURCES),
    About::of(
        "CreateResource",
        "Makes a resource with two random access keys. Clients reach it by a host name that begins with its name, or by \
         a port of its own.",
    )
    .takes(&NEW_RESOURCE)
    .answers(&RESOURCE)
    .refuses(&[
        Refusal::new(400, "BadRequest", "the body is malformed, or the name is none"),
        Refusal::new(409, "NameTaken", "a resource has the name already"),
        Refusal::new(409, "ListenerFailed", "the port cannot be had; the resource is not made"),
    ]),
    About::of(
        "DeleteResource",
        "Deletes a resource. Its keys and the tokens of its users stop working at once.",
    )
    .refuses(&[
        NO_RESOURCE,
        Refusal::new(409, "DefaultResource", "requests that name no resource belong to this one"),
    ]),
    About::of("ListKeys", "Tells a resource's access keys and connection strings.")
        .answers(&KEYS)
        .refuses(&[NO_RESOURCE]),
    About::of(
        "RotateKey",
        "Replaces an access key, `primary` or `secondary`, by a new one. The old one and the tokens that were issued with \
         it stop working at once.",
    )
    .answers(&KEYS)
    .refuses(&[
        Refusal::new(400, "BadRequest", "the slot is neither `primary` nor `secondary`"),
        NO_RESOURCE,
    ]),
];

static NEW_RESOURCE: Object = Object::new(
    "NewResource",
    "",
    &[
        Field::required(
            "name",
            Kind::Text,
            "1 to 63 letters, digits and hyphens; begins and ends with a letter or digit",
        ),
        Field::optional(
            "port",
            Kind::Whole { least: 0, most: 65_535 },
            "a port of its own, for names that do not resolve",
        ),
        Field::optional(
            "dataLocation",
            Kind::Text,
            "where its data is said to be at rest; `Local` if absent",
        ),
    ],
);

static RESOURCES: Object = Object::new(
    "ResourceList",
    "",
    &[Field::required("value", Kind::List(&RESOURCE), "")],
);

static RESOURCE: Object = Object::new(
    "Resource",
    "",
    &[
        Field::required("name", Kind::Text, ""),
        Field::required(
            "isDefault",
            Kind::Flag,
            "whether requests that name no resource belong to it",
        ),
        Field::required("immutableResourceId", Kind::Text, "the GUID in the ids of its users"),
        Field::required(
            "armId",
            Kind::Text,
            "the id by which Azure Resource Manager would know it",
        ),
        Field::required("endpoint", Kind::Text, "the URL that clients use"),
        Field::optional(
            "port",
            Kind::Whole { least: 0, most: 65_535 },
            "its own port, if it has one",
        ),
        Field::required("dataLocation", Kind::Text, ""),
        Field::required("createdOn", Kind::Time, ""),
    ],
);

static KEYS: Object = Object::new(
    "ResourceKeys",
    "",
    &[
        Field::required("primaryKey", Kind::Text, "64 bytes in Base64"),
        Field::required("secondaryKey", Kind::Text, ""),
        Field::required("primaryConnectionString", Kind::Text, "`endpoint=…;accesskey=…`"),
        Field::required("secondaryConnectionString", Kind::Text, ""),
    ],
);

#[cfg(test)]
mod tests {
    use samband_wire_core::about::testing::{answer_faults, body_faults};

    use super::super::{KeysView, ResourceView, create_resource, list_resources};
    use super::*;

    #[test]
    fn the_types_are_as_told() {
        let view = ResourceView {
            name: "name".into(),
            is_default: true,
            immutable_resource_id: "id".into(),
            arm_id: "id".into(),
            endpoint: "https://…".into(),
            port: Some(1),
            data_location: "Local".into(),
            created_on: "2026-01-01T00:00:00Z".into(),
        };
        let keys = KeysView {
            primary_key: "key".into(),
            secondary_key: "key".into(),
            primary_connection_string: "…".into(),
            secondary_connection_string: "…".into(),
        };
        let list = list_resources::List { value: vec![view] };
        let faults = [
            body_faults::<create_resource::Body>(&NEW_RESOURCE),
            answer_faults(&RESOURCES, &list),
            answer_faults(&KEYS, &keys),
        ];
        assert_eq!(faults.concat(), Vec::<String>::new());
    }
}
