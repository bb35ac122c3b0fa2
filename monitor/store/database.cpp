#include "monitor/store/database.h"

#include <utility>

namespace phaseguard::store {

namespace {

constexpr int kBusyTimeoutMs = 1000;

// `path` where a URI has it.
std::string uri_path(const std::string& path) {
  static constexpr const char* kHex = "0123456789ABCDEF";
  std::string out;
  for (const char c : path) {
    if (c != '?' && c != '#' && c != '%') {
      out += c;
      continue;
    }
    out += '%';
    out += kHex[static_cast<unsigned char>(c) >> 4];
    out += kHex[static_cast<unsigned char>(c) & 15];
  }
  return out;
}

}  // namespace

Error database_error(sqlite3* db, const std::string& path, int code) {
  const std::string said = db != nullptr ? sqlite3_errmsg(db) : sqlite3_errstr(code);
  switch (code & 0xff) {
    case SQLITE_FULL:
      return {Errc::kIo, path + ": the disk is full; free space, recording goes on by itself"};
    case SQLITE_CORRUPT:
    case SQLITE_NOTADB:
      return {Errc::kMalformed,
              path + ": the file is damaged (" + said + "); restore it from a copy"};
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
      return {Errc::kConflict, path + ": locked by another program (" + said +
                                   "); close the tool that has it open for writing"};
    case SQLITE_READONLY:
    case SQLITE_PERM:
      return {Errc::kIo, path + ": may not be written (" + said + "); check its permissions"};
    case SQLITE_CANTOPEN:
      return {Errc::kIo, path + ": cannot be opened (" + said + "); check its permissions"};
    default:
      return {Errc::kIo, path + ": " + said};
  }
}

void Statement::bind_text(int place, std::string_view text) {
  sqlite3_bind_text64(get(), place, text.data(), text.size(), SQLITE_STATIC, SQLITE_UTF8);
}

void Statement::bind_blob(int place, std::string_view bytes) {
  // A null pointer would bind NULL instead of an empty blob.
  sqlite3_bind_blob64(get(), place, bytes.empty() ? "" : bytes.data(), bytes.size(), SQLITE_STATIC);
}

Result<bool> Statement::step() {
  const int code = sqlite3_step(get());
  if (code == SQLITE_ROW) return true;
  if (code == SQLITE_DONE) return false;
  return tl::unexpected(database_error(sqlite3_db_handle(get()), path_, code));
}

Result<void> Statement::run() {
  auto stepped = step();
  reset();
  if (!stepped) return tl::unexpected(stepped.error());
  return {};
}

std::string_view Statement::bytes(int column) const {
  const auto* data = static_cast<const char*>(sqlite3_column_blob(get(), column));
  const auto size = static_cast<std::size_t>(sqlite3_column_bytes(get(), column));
  return data == nullptr ? std::string_view() : std::string_view(data, size);
}

Result<Database> Database::open(const std::filesystem::path& path, int flags) {
  return open_with(path, flags, {});
}

Result<Database> Database::open_with(const std::filesystem::path& path, int flags,
                                     std::string_view parameters, const char* file_system) {
  Database out;
  out.path_ = path.string();
  std::string name = out.path_;
  if (!parameters.empty()) {
    name = "file:" + uri_path(std::filesystem::absolute(path).string()) + "?";
    name += parameters;
    flags |= SQLITE_OPEN_URI;
  }
  sqlite3* db = nullptr;
  const int code = sqlite3_open_v2(name.c_str(), &db, flags | SQLITE_OPEN_NOMUTEX, file_system);
  out.db_.reset(db);
  if (code != SQLITE_OK) return tl::unexpected(database_error(db, out.path_, code));
  sqlite3_extended_result_codes(db, 1);
  sqlite3_busy_timeout(db, kBusyTimeoutMs);
  return out;
}

Result<Statement> Database::prepare(std::string_view sql) const {
  Statement out;
  out.path_ = path_;
  sqlite3_stmt* statement = nullptr;
  const int code = sqlite3_prepare_v3(db_.get(), sql.data(), static_cast<int>(sql.size()),
                                      SQLITE_PREPARE_PERSISTENT, &statement, nullptr);
  out.statement_.reset(statement);
  if (code != SQLITE_OK) return tl::unexpected(database_error(db_.get(), path_, code));
  return out;
}

Result<void> Database::execute(const char* sql) const {
  const int code = sqlite3_exec(db_.get(), sql, nullptr, nullptr, nullptr);
  if (code != SQLITE_OK) return tl::unexpected(database_error(db_.get(), path_, code));
  return {};
}

Result<std::int64_t> Database::integer(std::string_view sql) const {
  auto statement = prepare(sql);
  if (!statement) return tl::unexpected(statement.error());
  auto row = statement->step();
  if (!row) return tl::unexpected(row.error());
  return *row ? statement->integer(0) : 0;
}

}  // namespace phaseguard::store
