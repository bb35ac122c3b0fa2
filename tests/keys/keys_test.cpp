// Keys, key files and the list of who is granted what.
#include <sys/stat.h>

#include <algorithm>
#include <cstdlib>
#include <string>
#include <vector>

#include "monitor/keys/folder.h"
#include "monitor/keys/key.h"
#include "monitor/keys/key_file.h"
#include "monitor/keys/ledger.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

namespace phaseguard::keys {
namespace {

Grant grant_of(const std::string& name, Role role, const std::string& runs = "*") {
  return {name, role, runs, make_pair()->public_key, false, "2026-11-28T10:00:00Z"};
}

bool contains(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

TEST_CASE("a pair of keys is new each time, and its halves belong together", "[keys]") {
  const Pair one = *make_pair();
  const Pair other = *make_pair();
  CHECK(one.secret_key != other.secret_key);
  CHECK(is_key(one.public_key));
  CHECK(*public_of(one.secret_key) == one.public_key);
  CHECK(*public_of(one.secret_key) != other.public_key);
  // The example pair of ZeroMQ's manual, zmq_curve(7).
  CHECK(*public_of("JTKVSB%%)wK0E.X)V>+}o?pNmC{O&4W4b!Ni{Lh6") ==
        "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
}

TEST_CASE("what is no key is none", "[keys][hostile]") {
  const std::string good = make_pair()->public_key;
  for (const std::string& bad :
       {std::string(), good.substr(1), good + "0", std::string(40, ' '), std::string(40, '\0'),
        std::string(40, '~'), std::string(40, '#')}) {
    INFO(bad);
    CHECK_FALSE(is_key(bad));
  }
  CHECK(text_of(std::string(31, 'x')).empty());
  CHECK(is_key(text_of(std::string(32, 'x'))));
}

TEST_CASE("another key of the same name has another id", "[keys]") {
  CHECK(id_of("ann", make_pair()->public_key) != id_of("ann", make_pair()->public_key));
  CHECK(contains(id_of("ann", make_pair()->public_key), "ann#"));
}

TEST_CASE("the list reads what it wrote", "[keys]") {
  Ledger ledger;
  const Grant trainer = grant_of("t-1", Role::kTrainer, "team-a-*");
  const Grant ann = grant_of("ann", Role::kOperator);
  REQUIRE(ledger.grant(trainer).has_value());
  REQUIRE(ledger.grant(ann).has_value());
  REQUIRE(ledger.revoke("ann", "2026-11-28T11:00:00Z").has_value());
  const Ledger read = *Ledger::parse(ledger.text(), "granted");
  CHECK(read.text() == ledger.text());
  CHECK(read.by_key(trainer.public_key)->runs == "team-a-*");
  CHECK(read.by_name("ann")->revoked);
  CHECK(read.by_name("ann")->role == Role::kOperator);
  CHECK(read.by_name("bob") == nullptr);
}

TEST_CASE("a revoked key stays revoked, its name may have a new one", "[keys]") {
  Ledger ledger;
  const Grant ann = grant_of("ann", Role::kOperator);
  REQUIRE(ledger.grant(ann).has_value());
  Grant second = grant_of("ann", Role::kViewer);
  CHECK(ledger.grant(second).error().code == Errc::kConflict);  // the name is taken
  REQUIRE(ledger.revoke("ann", "now").has_value());
  CHECK(ledger.grant(ann).error().code == Errc::kConflict);
  CHECK(ledger.revoke("ann", "now").error().code == Errc::kConflict);
  REQUIRE(ledger.grant(second).has_value());
  CHECK_FALSE(ledger.by_name("ann")->revoked);
  CHECK(ledger.by_key(ann.public_key)->revoked);
  CHECK(Ledger::parse(ledger.text(), "granted")->text() == ledger.text());
  CHECK(contains(ledger.revoke("anm", "now").error().message, "ann"));
}

TEST_CASE("a key may be given another role or other runs, not another name", "[keys]") {
  Ledger ledger;
  Grant trainer = grant_of("t", Role::kTrainer, "a-*");
  REQUIRE(ledger.grant(trainer).has_value());
  trainer.runs = "b-*";
  REQUIRE(ledger.grant(trainer).has_value());
  CHECK(ledger.grants().size() == 1);
  CHECK(ledger.by_name("t")->runs == "b-*");
  trainer.name = "u";
  CHECK(ledger.grant(trainer).error().code == Errc::kConflict);
}

TEST_CASE("a list that is none names its line", "[keys][hostile]") {
  const std::string key = make_pair()->public_key;
  const std::string good = "operator ann * " + key + " 2026-11-28T10:00:00Z\n";
  REQUIRE(Ledger::parse("# a comment\n\n" + good, "granted").has_value());
  REQUIRE(Ledger::parse(Ledger().text(), "granted").has_value());
  CHECK(Ledger::parse("", "granted").error().code == Errc::kMalformed);
  for (const std::string& bad :
       {"admin ann * " + key + " now\n", "operator ann * " + key + "\n",
        "operator ann * " + key + " now more\n", "operator a/b * " + key + " now\n",
        "operator ann ../x " + key + " now\n", "operator ann * " + key.substr(1) + " now\n",
        good + good, good + "viewer ann * " + make_pair()->public_key + " now\n"}) {
    INFO(bad);
    const auto read = Ledger::parse(bad, "granted");
    REQUIRE_FALSE(read.has_value());
    CHECK(read.error().code == Errc::kMalformed);
    CHECK(contains(read.error().message, "granted:"));
  }
}

TEST_CASE("a key file is its user's alone, and is never overwritten", "[keys]") {
  const test::Folder folder;
  const Pair own = *make_pair();
  const ClientKey key{"ann", Role::kOperator, own.secret_key, own.public_key,
                      make_pair()->public_key};
  const std::string path = folder / "ann.key";
  REQUIRE(write_key_file(path, key).has_value());
  struct stat info {};
  REQUIRE(::stat(path.c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  const ClientKey read = *read_key_file(path);
  CHECK(read.name == "ann");
  CHECK(read.role == Role::kOperator);
  CHECK(read.secret_key == key.secret_key);
  CHECK(read.public_key == key.public_key);
  CHECK(read.server_key == key.server_key);
  CHECK(write_key_file(path, key).error().code == Errc::kConflict);
  for (const mode_t open : {0640, 0604, 0620}) {
    REQUIRE(::chmod(path.c_str(), open) == 0);
    const auto refused = read_key_file(path);
    REQUIRE_FALSE(refused.has_value());
    CHECK(refused.error().code == Errc::kRefused);
    CHECK(contains(refused.error().message, "chmod 600"));
  }
  CHECK(read_key_file(folder / "none.key").error().code == Errc::kNotFound);
  CHECK(read_key_file(folder.path()).error().code == Errc::kRefused);
}

TEST_CASE("a key file that is none names its line", "[keys][hostile]") {
  const test::Folder folder;
  const Pair own = *make_pair();
  const std::string secret = "secret " + own.secret_key + "\n";
  const std::string server = "server " + own.public_key + "\n";
  const std::string path = folder.write("k", "");
  REQUIRE(::chmod(path.c_str(), 0600) == 0);
  for (const std::string& bad :
       {std::string(), secret, server, secret + "server short\n", "role admin\n" + secret + server,
        "nothing\n" + secret + server, "color red\n" + secret + server,
        secret + server + std::string(2 << 20, '\n')}) {
    folder.write("k", bad);
    INFO(bad.substr(0, 200));
    const auto read = read_key_file(path);
    REQUIRE_FALSE(read.has_value());
    CHECK_FALSE(contains(read.error().message, own.secret_key));  // errors go into logs
  }
}

TEST_CASE("a key comes from a file, its variable, or two variables", "[keys]") {
  const test::Folder folder;
  for (const char* name :
       {"PHASEGUARD_KEY", "PHASEGUARD_SECRET_KEY", "PHASEGUARD_SERVER_KEY", "PHASEGUARD_KEY_ROLE"})
    ::unsetenv(name);
  CHECK_FALSE(find_client_key("", Role::kTrainer)->has_value());
  const Pair own = *make_pair();
  ::setenv("PHASEGUARD_SECRET_KEY", own.secret_key.c_str(), 1);
  CHECK_FALSE(find_client_key("", Role::kTrainer).has_value());  // one of the two alone
  ::setenv("PHASEGUARD_SERVER_KEY", own.public_key.c_str(), 1);
  const auto found = find_client_key("", Role::kTrainer);
  REQUIRE(found.has_value());
  CHECK((*found)->role == Role::kTrainer);
  CHECK((*found)->public_key == own.public_key);
  ::setenv("PHASEGUARD_KEY_ROLE", "viewer", 1);
  CHECK((*find_client_key("", Role::kTrainer))->role == Role::kViewer);
  const std::string path = folder / "t.key";
  REQUIRE(
      write_key_file(path, {"t", Role::kTrainer, own.secret_key, own.public_key, own.public_key})
          .has_value());
  ::setenv("PHASEGUARD_KEY", path.c_str(), 1);
  CHECK((*find_client_key("", Role::kViewer))->name == "t");
  CHECK_FALSE(find_client_key(folder / "none", Role::kViewer).has_value());
  for (const char* name :
       {"PHASEGUARD_KEY", "PHASEGUARD_SECRET_KEY", "PHASEGUARD_SERVER_KEY", "PHASEGUARD_KEY_ROLE"})
    ::unsetenv(name);
}

TEST_CASE("the daemon's folder is made once and changed whole", "[keys]") {
  const test::Folder outer;
  const Folder folder(outer / "a/keys");
  CHECK_FALSE(folder.server().has_value());
  REQUIRE(folder.prepare().has_value());
  const std::string server = folder.server()->secret_key;
  REQUIRE(folder.prepare().has_value());
  CHECK(folder.server()->secret_key == server);
  const std::string before = folder.stamp();
  const auto refused =
      folder.change([](Ledger&) -> Result<void> { return fail(Errc::kConflict, "no"); });
  CHECK_FALSE(refused.has_value());
  CHECK(folder.stamp() == before);
  REQUIRE(folder.change([](Ledger& ledger) { return ledger.grant(grant_of("ann", Role::kViewer)); })
              .has_value());
  CHECK(folder.stamp() != before);
  CHECK(folder.ledger()->grants().size() == 1);
  struct stat info {};
  REQUIRE(::stat(folder.ledger_file().c_str(), &info) == 0);
  CHECK((info.st_mode & 0777) == 0600);
  REQUIRE(::chmod(folder.path().c_str(), 0755) == 0);
  CHECK(folder.server().error().code == Errc::kRefused);
}

}  // namespace
}  // namespace phaseguard::keys
