// The official Fabric CA client for Node, through what it can be asked; what it heard goes to stdout as JSON.
"use strict";

const fs = require("node:fs");
const { X509Certificate } = require("node:crypto");
const FabricCAServices = require("fabric-ca-client");
const { User } = require("fabric-common");

const way = JSON.parse(fs.readFileSync(process.argv[2], "utf8"));

function user(name, enrollment) {
  return User.createUser(name, "", "org-a", enrollment.certificate, enrollment.key.toBytes());
}

async function failure(action) {
  try {
    await action();
    return "no failure";
  } catch (error) {
    return String(error.message);
  }
}

async function main() {
  const said = {};
  const ca = new FabricCAServices(way.url, { trustedRoots: [way.root], verify: true }, way.caName);
  const admin = user("admin", await ca.enroll({ enrollmentID: "admin", enrollmentSecret: way.secret }));
  const name = way.name;
  const attrs = [{ name: "role", value: "clerk", ecert: true }, { name: "hf.Revoker", value: "true" }];
  const secret = await ca.register(
    { enrollmentID: name, role: "client", affiliation: "org1.department1", attrs }, admin);
  said.secret = secret.length;
  said.again = await failure(() => ca.register({ enrollmentID: name, affiliation: "org1" }, admin));
  said.wrong = await failure(() => ca.enroll({ enrollmentID: name, enrollmentSecret: "wrong" }));
  const enrollment = await ca.enroll({ enrollmentID: name, enrollmentSecret: secret });
  said.subject = new X509Certificate(enrollment.certificate).subject;
  said.root = new X509Certificate(enrollment.rootCertificate).subject;
  const member = user(name, enrollment);
  const renewed = await ca.reenroll(member, [{ name: "role" }]);
  said.renewed = new X509Certificate(renewed.certificate).subject;

  const identities = ca.newIdentityService();
  const one = await identities.getOne(name, admin);
  said.identity = { ...one.result, attrs: one.result.attrs.length };
  const all = await identities.getAll(admin);
  said.listed = all.result.identities.some((each) => each.id === name);
  const created = await identities.create(
    { enrollmentID: `${name}-2`, affiliation: "org2", type: "peer", enrollmentSecret: "chosen" }, admin);
  said.created = created;
  const updated = await identities.update(`${name}-2`, { affiliation: "org1" }, admin);
  said.updated = updated.result.affiliation;
  said.removal = await failure(() => identities.delete(`${name}-2`, admin));

  const affiliations = ca.newAffiliationService();
  await affiliations.create({ name: `${name}.one`, force: true }, admin);
  said.affiliation = (await affiliations.getOne(name, admin)).result;
  await affiliations.update(name, { name: `${name}-new` }, admin);
  said.affiliations = (await affiliations.getAll(admin)).result.affiliations.map((each) => each.name)
    .filter((each) => each.startsWith(name));

  const certificates = ca.newCertificateService();
  said.certificates = (await certificates.getCertificates({ id: name }, admin)).result.certs.length;
  const revoked = await ca.revoke({ enrollmentID: name, reason: "keycompromise" }, admin);
  said.revoked = revoked.result.RevokedCerts.length;
  said.afterwards = await failure(() => ca.reenroll(member));
  said.crl = (await ca.generateCRL({}, admin)).length > 0;
  process.stdout.write(JSON.stringify(said));
}

main().catch((error) => {
  process.stderr.write(`${error.stack}\n`);
  process.exit(1);
});
