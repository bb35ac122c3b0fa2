// The misbehaving server's TLS side, with a certificate made on the spot.
#pragma once

#include <httplib.h>

#include <functional>
#include <string>

// Serves `routes` on a loopback port of the system's choice, in a thread of its own; writes its
// self-signed certificate for 127.0.0.1 to `certificate_file` (PEM). The port, or -1.
int start_tls(const std::string& certificate_file,
              const std::function<void(httplib::Server&)>& routes);
