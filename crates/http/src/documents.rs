use actix_web::HttpResponse;
use actix_web::http::header::{CACHE_CONTROL, CONTENT_DISPOSITION, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use actix_web::web::{Data, Path};
use bytes::Bytes;
use jobportal_application::{DocumentChange, Error, Saved};
use jobportal_domain::{DocumentKind, Violations};

use crate::App;
use crate::body::File;
use crate::error::ApiError;
use crate::extract::MaybeCaller;
use crate::wire::folder;

/// What a request does to a document, with the content that comes with it.
pub(crate) struct Upload {
    /// What it does.
    pub(crate) change: DocumentChange,
    content: Bytes,
}

/// Judges the file of a request; what is wrong with it is recorded under `field`.
pub(crate) fn document_change(
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

impl Upload {
    /// Stores the content, so that a transaction can refer to it.
    pub(crate) async fn store(self, app: &App) -> Result<Self, ApiError> {
        if let DocumentChange::Replace(document) = &self.change {
            app.files.put(&document.storage_key(), self.content.clone()).await.map_err(Error::from)?;
        }
        Ok(self)
    }

    /// Deletes the content again, if nothing came to refer to it.
    pub(crate) async fn discard(self, app: &App) {
        if let DocumentChange::Replace(document) = &self.change {
            delete(app, &document.storage_key()).await;
        }
    }
}

/// Deletes contents that nothing refers to any more: the replaced ones after a success, the new one after a failure.
pub(crate) async fn saved<T>(app: &App, upload: Upload, outcome: Result<Saved<T>, ApiError>) -> Result<T, ApiError> {
    match outcome {
        Ok(saved) => {
            for key in &saved.discarded {
                delete(app, key).await;
            }
            Ok(saved.value)
        }
        Err(error) => {
            upload.discard(app).await;
            Err(error)
        }
    }
}

async fn delete(app: &App, key: &str) {
    if let Err(error) = app.files.delete(key).await {
        tracing::warn!(%error, key, "a file that nothing refers to was not deleted");
    }
}

/// `GET /documents/resumes/{name}`
pub(crate) async fn resume(app: Data<App>, caller: MaybeCaller, name: Path<String>) -> Result<HttpResponse, ApiError> {
    open(&app, caller, DocumentKind::Resume, &name).await
}

/// `GET /documents/profile_pictures/{name}`
pub(crate) async fn picture(app: Data<App>, caller: MaybeCaller, name: Path<String>) -> Result<HttpResponse, ApiError> {
    open(&app, caller, DocumentKind::ProfilePicture, &name).await
}

async fn open(
    app: &Data<App>,
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
    let content = app.files.get(&key).await.map_err(Error::from)?;
    let disposition = match kind {
        DocumentKind::Resume => format!("attachment; filename=\"{}.{extension}\"", folder(kind).trim_end_matches('s')),
        DocumentKind::ProfilePicture => "inline".to_owned(),
    };
    Ok(HttpResponse::Ok()
        .insert_header((CONTENT_TYPE, document.format.media_type()))
        .insert_header((CONTENT_DISPOSITION, disposition))
        .insert_header((X_CONTENT_TYPE_OPTIONS, "nosniff"))
        .insert_header((CACHE_CONTROL, "private, max-age=3600"))
        .body(content))
}
