use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, CROSS_ORIGIN_RESOURCE_POLICY, ETAG};
use actix_web::web::{Data, Path};
use actix_web::{HttpRequest, HttpResponse};
use bytes::Bytes;
use jobportal_application::{DocumentChange, Error, Saved};
use jobportal_domain::{DocumentKind, Violations};

use crate::body::File;
use crate::conditional;
use crate::error::ApiError;
use crate::extract::{MaybeCaller, to_the_end};
use crate::openapi::Operation;
use crate::wire::folder;
use crate::{App, Rejected};

/// What a request does to a document, with the content that comes with it.
pub(crate) struct Upload {
    change: DocumentChange,
    content: Bytes,
}

/// Judges the file of a request; what is wrong with it is recorded under `field`.
pub(crate) fn upload(
    app: &App,
    field: &str,
    kind: DocumentKind,
    file: File,
    violations: &mut Violations,
) -> Result<Upload, ApiError> {
    let (change, content) = match file {
        File::Absent => (DocumentChange::Keep, Bytes::new()),
        File::Null => (DocumentChange::Remove, Bytes::new()),
        File::Uploaded(content) => match app.documents.prepare(field, kind, &content) {
            Ok(document) => (DocumentChange::Replace(document), content),
            Err(Error::Invalid(broken)) => {
                violations.extend(broken);
                (DocumentChange::Keep, Bytes::new())
            }
            Err(other) => return Err(other.into()),
        },
    };
    Ok(Upload { change, content })
}

/// Stores the content of an upload, runs the use case that refers to it, and deletes contents that nothing refers to any more:
/// the replaced ones after a success, the new one after a refusal. After a failure nobody knows whether the transaction was
/// committed; then the clean-up decides.
pub(crate) async fn run_with_upload<T: Send + 'static>(
    app: &Data<App>,
    upload: Upload,
    use_case: impl FnOnce(&App, DocumentChange) -> Result<Saved<T>, Error> + Send + 'static,
) -> Result<T, ApiError> {
    let app = app.clone();
    to_the_end(async move {
        let Upload { change, content } = upload;
        let stored = match &change {
            DocumentChange::Replace(document) => Some(document.storage_key()),
            DocumentChange::Keep | DocumentChange::Remove => None,
        };
        if let Some(key) = &stored {
            app.files.put(key, content).await.map_err(Error::from)?;
        }
        match app.run(move |app| use_case(app, change)).await {
            Ok(saved) => {
                for key in &saved.discarded {
                    delete(&app, key).await;
                }
                Ok(saved.value)
            }
            Err(error) => {
                let is_refusal = !matches!(
                    error,
                    ApiError::UseCase(Error::Unavailable(_) | Error::Internal(_))
                        | ApiError::NotRun(Rejected::Panicked)
                );
                if let Some(key) = stored.filter(|_| is_refusal) {
                    delete(&app, &key).await;
                }
                Err(error)
            }
        }
    })
    .await
}

async fn delete(app: &App, key: &str) {
    if let Err(error) = app.files.delete(key).await {
        tracing::warn!(%error, key, "a file that nothing refers to was not deleted");
    }
}

/// `GET /documents/resumes/{name}`
pub(crate) async fn resume(
    app: Data<App>,
    request: HttpRequest,
    caller: MaybeCaller,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    open(&app, &request, caller, DocumentKind::Resume, &name).await
}

pub(crate) fn resume_doc() -> Operation {
    Operation::new("Documents", "documents_resume", "Open a résumé")
        .about("For its owner, admins, and employers its owner applied to.")
        .file(
            &[
                "application/pdf",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.oasis.opendocument.text",
            ],
            "The file.",
        )
}

/// `GET /documents/profile_pictures/{name}`
pub(crate) async fn picture(
    app: Data<App>,
    request: HttpRequest,
    caller: MaybeCaller,
    name: Path<String>,
) -> Result<HttpResponse, ApiError> {
    open(&app, &request, caller, DocumentKind::ProfilePicture, &name).await
}

pub(crate) fn picture_doc() -> Operation {
    Operation::new("Documents", "documents_picture", "Open a picture")
        .about("For anyone who is signed in; that of an employer, for anyone.")
        .file(&["image/jpeg", "image/png", "image/webp"], "The file.")
}

async fn open(
    app: &Data<App>,
    request: &HttpRequest,
    MaybeCaller(actor): MaybeCaller,
    kind: DocumentKind,
    name: &str,
) -> Result<HttpResponse, ApiError> {
    let (public_id, extension) = name.split_once('.').ok_or(ApiError::NoRoute)?;
    let well_formed = public_id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    if !well_formed || public_id.is_empty() {
        return Err(ApiError::NoRoute);
    }
    let id = public_id.to_owned();
    let (document, key) = app.run(move |app| app.documents.open(actor.as_ref(), kind, &id)).await?;
    if document.format.as_str() != extension {
        return Err(ApiError::NoRoute);
    }
    // What stands under a name never changes, so that a client which has it gets no content.
    let tag = format!("\"{public_id}\"");
    let content =
        if conditional::has(request, &tag) { Bytes::new() } else { app.files.get(&key).await.map_err(Error::from)? };
    // Pages of other sites show pictures, of employers that is.
    let (disposition, shown_by) = match kind {
        DocumentKind::Resume => {
            (format!("attachment; filename=\"{}.{extension}\"", folder(kind).trim_end_matches('s')), "same-origin")
        }
        DocumentKind::ProfilePicture => ("inline".to_owned(), "cross-origin"),
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, document.format.media_type()))
        .insert_header((CONTENT_DISPOSITION, disposition))
        .insert_header((CROSS_ORIGIN_RESOURCE_POLICY, shown_by))
        .insert_header((CACHE_CONTROL, "private, max-age=3600"))
        .insert_header((ETAG, tag))
        .body(content))
}
