#include "tests/judge/server_tls.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <cstdio>
#include <memory>
#include <thread>

namespace {

X509* self_signed(EVP_PKEY* key) {
  X509* certificate = X509_new();
  X509_set_version(certificate, 2);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 86400);
  X509_set_pubkey(certificate, key);
  X509_NAME* name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("127.0.0.1"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  X509_EXTENSION* address =
      X509V3_EXT_conf_nid(nullptr, nullptr, NID_subject_alt_name, "IP:127.0.0.1");
  X509_add_ext(certificate, address, -1);
  X509_EXTENSION_free(address);
  return X509_sign(certificate, key, EVP_sha256()) > 0 ? certificate : nullptr;
}

}  // namespace

int start_tls(const std::string& certificate_file,
              const std::function<void(httplib::Server&)>& routes) {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  X509* certificate = key == nullptr ? nullptr : self_signed(key);
  FILE* out = std::fopen(certificate_file.c_str(), "w");
  if (certificate == nullptr || out == nullptr) return -1;
  const bool written = PEM_write_X509(out, certificate) == 1;
  std::fclose(out);
  auto made = std::make_unique<httplib::SSLServer>(certificate, key);
  if (!written || !made->is_valid()) return -1;
  httplib::SSLServer* server = made.release();  // lives as long as the process
  routes(*server);
  const int port = server->bind_to_any_port("127.0.0.1");
  std::thread([server] { server->listen_after_bind(); }).detach();
  return port;
}
