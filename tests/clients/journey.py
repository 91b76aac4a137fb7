"""The journey of the README, through the generated client."""

import os
from datetime import datetime, timezone

from jobportal_client import AuthenticatedClient, Client
from jobportal_client.api.accounts import accounts_login, accounts_register, accounts_verify
from jobportal_client.api.applications import applications_details, applications_move, applications_own, applications_submit
from jobportal_client.api.jobs import jobs_post, jobs_search
from jobportal_client.models import (
    Application,
    ApplicationsDetailsResponse200,
    Apply,
    Job,
    PostJob,
    ExperienceLevel,
    JobSubtype,
    JobType,
    FoundJobs,
    Login,
    MoveApplication,
    ApplicationStatus,
    OwnApplications,
    Register,
    OpenUserType,
    Registered,
    Tokens,
    VerifyEmail,
)

API = os.environ["API"]
PASSWORD = "correct horse"


def step(text: str) -> None:
    print(f"Python: {text}")


def join(email: str, contract_number: str, user_type: OpenUserType) -> AuthenticatedClient:
    """Makes an account, and a client that is signed in with it."""
    client = Client(base_url=API, raise_on_unexpected_status=True)
    registered = accounts_register.sync(
        client=client,
        body=Register(email=email, contract_number=contract_number, user_type=user_type, password=PASSWORD),
    )
    assert isinstance(registered, Registered) and isinstance(registered.otp, str), registered
    accounts_verify.sync(client=client, body=VerifyEmail(email=email, otp=registered.otp))
    tokens = accounts_login.sync(client=client, body=Login(email_or_phone=email, password=PASSWORD))
    assert isinstance(tokens, Tokens), tokens
    step(f"{email} registered, verified and signed in")
    return AuthenticatedClient(base_url=API, token=tokens.access_token, raise_on_unexpected_status=True)


employer = join("erin@python.example", "01911111111", OpenUserType.EMPLOYER)
candidate = join("carl@python.example", "01922222222", OpenUserType.CANDIDATE)

new_job = PostJob(
    title="Python Engineer",
    description="Develop and maintain web applications.",
    job_type=JobType.PRIVATE,
    job_subtype=JobSubtype.FULL_TIME,
    experience_level=ExperienceLevel.MID,
    company_name="Tech Solutions Ltd.",
    location="Dhaka",
    deadline=datetime(2099, 12, 31, 23, 59, 59, tzinfo=timezone.utc),
)
job = jobs_post.sync(client=employer, body=new_job)
assert isinstance(job, Job), job
step(f"posted job {job.id}, {job.title}")

found = jobs_search.sync(client=candidate, title="python", location="dhaka")
assert isinstance(found, FoundJobs) and [one.id for one in found.data] == [job.id], found
step(f"found {found.total_jobs} job")

application = applications_submit.sync(
    id=job.id,
    client=candidate,
    body=Apply(cover_letter="I am very excited to apply.", expected_salary="75000.00"),
)
assert isinstance(application, Application), application
step(f"applied: application {application.id} is {application.status}")

applications_move.sync(id=application.id, client=employer, body=MoveApplication(status=ApplicationStatus.SELECTED))
moved = applications_details.sync(id=application.id, client=employer)
assert isinstance(moved, ApplicationsDetailsResponse200) and moved.data.status == "selected", moved
step(f"the employer moved it to {moved.data.status}")

own = applications_own.sync(client=candidate)
assert isinstance(own, OwnApplications) and own.data[0].status == "selected", own
step(f"the candidate reads {own.data[0].status}")

refused = jobs_post.sync_detailed(client=candidate, body=new_job)
assert refused.status_code == 403, refused
step(f"a candidate who posts a job is told: {refused.parsed}")
