// Daemons by name: what the file says, and what is said of one that says it wrong.
#include "monitor/contexts/contexts.h"

#include <algorithm>

#include "monitor/keys/key.h"
#include "tests/support/catch.h"
#include "tests/support/folder.h"

using namespace phaseguard;
using contexts::Daemon;
using test::Folder;

namespace {

const std::string kTwo = R"([context.lab]
endpoint_dir = "/run/user/1000/phaseguard"

[context.cluster]
operator = "tcp://127.0.0.1:7001"
feed = "tcp://localhost:7002"
)";

std::string error_of(const std::string& toml) {
  const Folder folder;
  const std::string file = folder.write("contexts.toml", toml);
  const auto read = contexts::read(file);
  INFO(toml);
  REQUIRE_FALSE(read);
  return read.error().message.substr(file.size());
}

}  // namespace

TEST_CASE("contexts are read in the order of the file", "[contexts]") {
  const Folder folder;
  const auto read = contexts::read(folder.write("contexts.toml", kTwo));
  REQUIRE(read);
  REQUIRE(read->size() == 2);
  CHECK((*read)[0].name == "lab");
  CHECK((*read)[0].operators.text() == "ipc:///run/user/1000/phaseguard/operator");
  CHECK((*read)[0].feed.text() == "ipc:///run/user/1000/phaseguard/feed");
  CHECK((*read)[0].place() == "/run/user/1000/phaseguard");
  CHECK((*read)[1].name == "cluster");
  CHECK((*read)[1].operators.text() == "tcp://127.0.0.1:7001");
  CHECK((*read)[1].feed.text() == "tcp://127.0.0.1:7002");
  CHECK((*read)[1].place() == "tcp://127.0.0.1:7001");
}

TEST_CASE("an endpoint may stand beside a folder, and wins", "[contexts]") {
  const Folder folder;
  const auto read = contexts::read(folder.write(
      "contexts.toml", "[context.a]\nendpoint_dir = \"/x\"\nfeed = \"tcp://127.0.0.1:7002\"\n"));
  REQUIRE(read);
  CHECK(read->front().operators.text() == "ipc:///x/operator");
  CHECK(read->front().feed.text() == "tcp://127.0.0.1:7002");
}

TEST_CASE("what is wrong with a file of contexts is said with its place", "[contexts][hostile]") {
  struct Fault {
    std::string toml;
    std::string where;
    std::string what;
  };
  const std::vector<Fault> faults{
      {"[context.a\n", ":1:", "not TOML"},
      {"[context.a]\nendpoint_dir = \"/x\"\n[context.a]\nendpoint_dir = \"/y\"\n",
       ":3:", "each name once"},
      {"[daemon]\n", ":1:", "expected tables [context.NAME]"},
      {"context = 3\n", ":1:", "expected tables [context.NAME]"},
      {"[context]\na = 3\n", ":2:", "expected a table [context.a]"},
      {"\n[context.\"a b\"]\nendpoint_dir = \"/x\"\n", ":2:", "expected a name of 1 to 32"},
      {"[context.\"a/b\"]\nendpoint_dir = \"/x\"\n", ":1:", "expected a name of 1 to 32"},
      {"[context.a]\n", ":1:", "expected endpoint_dir, or both operator and feed"},
      {"[context.a]\noperator = \"tcp://127.0.0.1:1\"\n", ":1:", "both operator and feed"},
      {"[context.a]\nendpoint_dirs = \"/x\"\n", ":2:", "did you mean endpoint_dir?"},
      {"[context.a]\nendpoint_dir = 3\n", ":2:", "expected a string"},
      {"[context.a]\nendpoint_dir = \"x\"\n", ":2:", "expected an absolute path"},
      {"[context.a]\noperator = \"udp://x\"\nfeed = \"tcp://127.0.0.1:1\"\n",
       ":2:", "expected ipc:///absolute/path or tcp://127.0.0.1:port"},
      {"[context.a]\noperator = \"tcp://127.0.0.1:*\"\nfeed = \"tcp://127.0.0.1:1\"\n",
       ":2:", "expected the port of a daemon"}};
  for (const Fault& fault : faults) {
    const std::string error = error_of(fault.toml);
    INFO(error);
    CHECK(error.rfind(fault.where, 0) == 0);
    CHECK(error.find(fault.what) != std::string::npos);
  }
}

TEST_CASE("contexts are chosen by name", "[contexts]") {
  const Folder folder;
  const std::string file = folder.write(
      "contexts.toml", kTwo + "[context.again]\nendpoint_dir = \"/run/user/1000/phaseguard\"\n");
  const auto two = contexts::choose({"cluster", "lab"}, file);
  REQUIRE(two);
  CHECK((*two)[0].name == "cluster");
  CHECK((*two)[1].name == "lab");

  const auto unknown = contexts::choose({"lob"}, file);
  REQUIRE_FALSE(unknown);
  CHECK(unknown.error().code == Errc::kNotFound);
  CHECK_THAT(unknown.error().message, Catch::Contains("there is no context \"lob\"") &&
                                          Catch::Contains("lab, cluster, again"));
  const auto twice = contexts::choose({"lab", "lab"}, file);
  REQUIRE_FALSE(twice);
  CHECK_THAT(twice.error().message, Catch::Contains("given twice"));
  const auto same = contexts::choose({"lab", "again"}, file);
  REQUIRE_FALSE(same);
  CHECK_THAT(same.error().message, Catch::Contains("are the same daemon"));
  const auto none = contexts::choose({"lab"}, folder / "absent.toml");
  REQUIRE_FALSE(none);
  CHECK_THAT(none.error().message, Catch::Contains("absent.toml"));
}

TEST_CASE("beyond loopback a context needs a key, and a viewer's asks at its own endpoint",
          "[contexts]") {
  const Folder folder;
  const std::string keyless =
      "[context.a]\noperator = \"tcp://10.0.0.1:1\"\nfeed = \"tcp://10.0.0.1:2\"\n";
  const auto refused = contexts::choose({"a"}, folder.write("contexts.toml", keyless));
  REQUIRE_FALSE(refused);
  CHECK(refused.error().code == Errc::kRefused);
  CHECK_THAT(refused.error().message, Catch::Contains("context a") && Catch::Contains("key"));

  const auto key_file = [&](keys::Role role) {
    const keys::Pair own = *keys::make_pair();
    const std::string file = folder / (std::string(keys::name_of(role)) + ".key");
    REQUIRE(keys::write_key_file(file, {"x", role, own.secret_key, "", own.public_key}));
    return file;
  };
  const std::string keyed = keyless + "key = \"" + key_file(keys::Role::kOperator) + "\"\n";
  const auto ann = contexts::choose({"a"}, folder.write("contexts.toml", keyed));
  REQUIRE(ann);
  CHECK(ann->front().key->role == keys::Role::kOperator);
  CHECK(ann->front().asked().text() == "tcp://10.0.0.1:1");

  const std::string viewer = key_file(keys::Role::kViewer);
  const std::string file = folder.write("contexts.toml", keyless);
  const auto nowhere = contexts::choose({"a"}, file, viewer);
  REQUIRE_FALSE(nowhere);
  CHECK_THAT(nowhere.error().message, Catch::Contains("`query`"));
  folder.write("contexts.toml", keyless + "query = \"tcp://10.0.0.1:3\"\n");
  const auto vic = contexts::choose({"a"}, file, viewer);
  REQUIRE(vic);
  CHECK(vic->front().asked().text() == "tcp://10.0.0.1:3");
}

TEST_CASE("a run of one of several daemons has its name before it, and no run has such a name",
          "[contexts]") {
  const RunId own = *RunId::parse("run-7");
  const RunId placed = own.within("lab");
  CHECK(placed.text() == "lab/run-7");
  CHECK(placed.place() == "lab");
  CHECK(placed.own() == own);
  CHECK(own.place().empty());
  CHECK(own.own() == own);
  CHECK_FALSE(RunId::parse(placed.text()));

  const std::vector<Daemon> one{{"lab", {}, {}, {}}};
  const std::vector<Daemon> two{{"lab", {}, {}, {}}, {"far", {}, {}, {}}};
  CHECK(contexts::run_named("run-7", one).value().text() == "run-7");
  CHECK(contexts::run_named("lab/run-7", one).value().text() == "run-7");
  CHECK_FALSE(contexts::run_named("far/run-7", one));
  CHECK(contexts::run_named("far/run-7", two).value().text() == "far/run-7");
  const auto unplaced = contexts::run_named("run-7", two);
  REQUIRE_FALSE(unplaced);
  CHECK_THAT(unplaced.error().message,
             Catch::Contains("expected CONTEXT/RUN") && Catch::Contains("lab, far"));
  CHECK_FALSE(contexts::run_named("lab/a b", two));
  CHECK_FALSE(contexts::run_named("lab/", two));
}
