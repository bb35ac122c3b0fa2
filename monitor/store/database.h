// SQLite behind two small classes that give back Results. Internal to the store; every sqlite3 call
// of PhaseGuard goes through here, apart from schema.cpp's look at a file's first bytes.
#pragma once

#include <sqlite3.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "monitor/base/result.h"

namespace phaseguard::store {

class Statement {
 public:
  // Places count from 1. A bound view must live until the next reset.
  void bind(int place, std::int64_t value) { sqlite3_bind_int64(get(), place, value); }
  void bind(int place, double value) { sqlite3_bind_double(get(), place, value); }
  void bind_text(int place, std::string_view text);
  void bind_blob(int place, std::string_view bytes);
  void bind_null(int place) { sqlite3_bind_null(get(), place); }

  // true: a row is there; false: done.
  [[nodiscard]] Result<bool> step();
  // step() for a statement without rows, then reset().
  [[nodiscard]] Result<void> run();
  void reset() { sqlite3_reset(get()); }

  // Columns count from 0; a view lives until the next step or reset.
  [[nodiscard]] bool is_null(int column) const {
    return sqlite3_column_type(get(), column) == SQLITE_NULL;
  }
  [[nodiscard]] int type(int column) const { return sqlite3_column_type(get(), column); }
  [[nodiscard]] std::int64_t integer(int column) const {
    return sqlite3_column_int64(get(), column);
  }
  [[nodiscard]] double real(int column) const { return sqlite3_column_double(get(), column); }
  [[nodiscard]] std::string_view bytes(int column) const;

 private:
  friend class Database;
  struct Finalize {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
  };
  [[nodiscard]] sqlite3_stmt* get() const { return statement_.get(); }
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
  std::string path_;
};

class Database {
 public:
  // `flags` as sqlite3_open_v2 takes them. Waits up to a second for another connection's lock.
  [[nodiscard]] static Result<Database> open(const std::filesystem::path& path, int flags);

  // The same by SQLite's URI parameters, "immutable=1", and by one of its file systems; null: its
  // own choice.
  [[nodiscard]] static Result<Database> open_with(const std::filesystem::path& path, int flags,
                                                  std::string_view parameters,
                                                  const char* file_system = nullptr);

  [[nodiscard]] Result<Statement> prepare(std::string_view sql) const;
  [[nodiscard]] Result<void> execute(const char* sql) const;
  // First column of the first row; 0 when there is none or it is NULL.
  [[nodiscard]] Result<std::int64_t> integer(std::string_view sql) const;
  [[nodiscard]] sqlite3* handle() const { return db_.get(); }
  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  struct Close {
    void operator()(sqlite3* db) const { sqlite3_close_v2(db); }
  };
  std::unique_ptr<sqlite3, Close> db_;
  std::string path_;
};

// The database's last error as ours: "<path>: <what>; <what to do>".
[[nodiscard]] Error database_error(sqlite3* db, const std::string& path, int code);

}  // namespace phaseguard::store
