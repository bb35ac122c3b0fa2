#include "trainer-hook/judge/cache.h"

#include <fcntl.h>
#include <unistd.h>

#include <mutex>
#include <utility>

#include "monitor/store/database.h"

namespace phaseguard::judge {

namespace {

constexpr std::int64_t kApplicationId = 0x5047'4a43;  // "PGJC"

std::string_view bytes_of(const Digest& key) {
  return {reinterpret_cast<const char*>(key.data()), key.size()};
}

Result<void> prepare_file(const store::Database& database) {
  auto id = database.integer("PRAGMA application_id");
  if (!id) return tl::unexpected<Error>(id.error());
  auto tables = database.integer("SELECT count(*) FROM sqlite_master");
  if (!tables) return tl::unexpected<Error>(tables.error());
  if (*id != kApplicationId && *tables > 0) {
    return fail(Errc::kRefused, database.path() +
                                    ": expected a cache of judge replies, found another SQLite "
                                    "file; name one that is not in use");
  }
  return database.execute(
      "PRAGMA journal_mode = WAL;"
      "PRAGMA synchronous = NORMAL;"
      "PRAGMA application_id = 1346849347;"
      "CREATE TABLE IF NOT EXISTS replies (key BLOB PRIMARY KEY, model TEXT NOT NULL,"
      " reply TEXT NOT NULL) WITHOUT ROWID;");
}

}  // namespace

class Cache::Impl {
 public:
  Impl(store::Database database, store::Statement select, store::Statement insert)
      : database_(std::move(database)), select_(std::move(select)), insert_(std::move(insert)) {}

  std::optional<std::string> find(const Digest& key) {
    const std::lock_guard<std::mutex> lock(mutex_);
    select_.bind_blob(1, bytes_of(key));
    std::optional<std::string> out;
    const auto row = select_.step();
    if (!row) {
      ++errors_;
    } else if (*row) {
      out = std::string(select_.bytes(0));
      ++hits_;
    }
    select_.reset();
    return out;
  }

  void store(const Digest& key, std::string_view model, std::string_view reply) {
    const std::lock_guard<std::mutex> lock(mutex_);
    insert_.bind_blob(1, bytes_of(key));
    insert_.bind_text(2, model);
    insert_.bind_text(3, reply);
    if (!insert_.run()) ++errors_;
  }

  std::int64_t count(bool hits) const {
    const std::lock_guard<std::mutex> lock(mutex_);
    return hits ? hits_ : errors_;
  }

 private:
  mutable std::mutex mutex_;
  store::Database database_;
  store::Statement select_, insert_;
  std::int64_t hits_ = 0, errors_ = 0;
};

Result<Cache> Cache::open(const std::filesystem::path& file) {
  // SQLite would create it readable by everyone.
  const int made = ::open(file.c_str(), O_CREAT | O_RDWR | O_CLOEXEC, 0600);
  if (made >= 0) ::close(made);
  auto database = store::Database::open(file, SQLITE_OPEN_READWRITE);
  if (!database) return tl::unexpected<Error>(database.error());
  if (auto ok = prepare_file(*database); !ok) return tl::unexpected<Error>(ok.error());
  auto select = database->prepare("SELECT reply FROM replies WHERE key = ?");
  if (!select) return tl::unexpected<Error>(select.error());
  auto insert =
      database->prepare("INSERT OR REPLACE INTO replies (key, model, reply) VALUES (?,?,?)");
  if (!insert) return tl::unexpected<Error>(insert.error());
  return Cache(
      std::make_unique<Impl>(std::move(*database), std::move(*select), std::move(*insert)));
}

Cache::Cache(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Cache::~Cache() = default;
Cache::Cache(Cache&&) noexcept = default;
Cache& Cache::operator=(Cache&&) noexcept = default;

std::optional<std::string> Cache::find(const Digest& key) noexcept { return impl_->find(key); }
void Cache::store(const Digest& key, std::string_view model, std::string_view reply) noexcept {
  impl_->store(key, model, reply);
}
std::int64_t Cache::hits() const noexcept { return impl_->count(true); }
std::int64_t Cache::errors() const noexcept { return impl_->count(false); }

}  // namespace phaseguard::judge
