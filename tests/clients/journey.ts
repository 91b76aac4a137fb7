// The journey of the README, through the generated client.

import { strict as assert } from "node:assert";
import { createClient } from "./client/client/index.js";
import {
  accountsLogin,
  accountsRegister,
  accountsVerify,
  applicationsDetails,
  applicationsMove,
  applicationsOwn,
  applicationsSubmit,
  jobsPost,
  jobsSearch,
} from "./client/index.js";

const baseUrl = process.env["API"];
assert(baseUrl, "API holds the address of a portal");

const step = (text: string) => console.log(`TypeScript: ${text}`);

/** Makes an account, and a client that is signed in with it. */
async function join(email: string, contract_number: string, user_type: "candidate" | "employer") {
  const client = createClient({ baseUrl, throwOnError: true });
  const password = "correct horse";
  const { data: registered } = await accountsRegister({ client, body: { email, contract_number, user_type, password }, throwOnError: true });
  assert(registered.otp, "a portal for development answers with the code");
  await accountsVerify({ client, body: { email, otp: registered.otp }, throwOnError: true });
  const { data: tokens } = await accountsLogin({ client, body: { email_or_phone: email, password }, throwOnError: true });
  client.setConfig({ auth: tokens.access_token });
  step(`${email} registered, verified and signed in`);
  return client;
}

const employer = await join("erin@typescript.example", "01811111111", "employer");
const candidate = await join("carl@typescript.example", "01822222222", "candidate");

const { data: job } = await jobsPost({
  client: employer,
  body: {
    title: "TypeScript Engineer",
    description: "Develop and maintain web applications.",
    job_type: "Private",
    job_subtype: "Full-time",
    experience_level: "Mid",
    company_name: "Tech Solutions Ltd.",
    location: "Dhaka",
    deadline: "2099-12-31T23:59:59Z",
  },
  throwOnError: true,
});
step(`posted job ${job.id}, ${job.title}`);

const { data: found } = await jobsSearch({ client: candidate, query: { title: "typescript", location: "dhaka" }, throwOnError: true });
assert.deepEqual(found.data.map(({ id }) => id), [job.id]);
step(`found ${found.total_jobs} job`);

const { data: application } = await applicationsSubmit({
  client: candidate,
  path: { id: job.id },
  body: { cover_letter: "I am very excited to apply.", expected_salary: "75000.00" },
  throwOnError: true,
});
assert("id" in application, "it is the first application to this job");
step(`applied: application ${application.id} is ${application.status}`);

await applicationsMove({ client: employer, path: { id: application.id }, body: { status: "selected" }, throwOnError: true });
const { data: moved } = await applicationsDetails({ client: employer, path: { id: application.id }, throwOnError: true });
assert.equal(moved.data.status, "selected");
step(`the employer moved it to ${moved.data.status}`);

const { data: own } = await applicationsOwn({ client: candidate, throwOnError: true });
assert.equal(own.data[0]?.status, "selected");
step(`the candidate reads ${own.data[0].status}`);

const { error, response } = await jobsPost({ client: candidate, body: {} as never, throwOnError: false });
assert.equal(response?.status, 403);
step(`a candidate who posts a job is told: ${JSON.stringify(error)}`);
