//! The REST API of the job portal: routes, wire types, extractors and error responses
