#pragma once

#include <cstdlib>
#include <string>

#include "proto/run_config.pb.h"
#include "services/base/status_macros.h"
#include "tests/support/temp_dir.h"

namespace maspo {

// A certificate authority of one test, made with the openssl command. Certificates are good for 127.0.0.1, both as a
// server's and as a client's.
class TestAuthority {
 public:
  explicit TestAuthority(const std::string& name) : name_(name) {
    Run("req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=" + name +
        " -keyout ca.key -out ca.pem");
    dir_.Write("ext", "subjectAltName=IP:127.0.0.1\n");
    Run("req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -subj /CN=role -keyout role.key -out role.csr");
    Run("x509 -req -in role.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 2 -extfile ext -out role.pem");
  }

  v1::TlsConfig Tls(bool client_authentication) const {
    v1::TlsConfig tls;
    tls.set_ca_file(dir_.File("ca.pem"));
    tls.set_certificate_file(dir_.File("role.pem"));
    tls.set_key_file(dir_.File("role.key"));
    tls.set_client_authentication(client_authentication);
    return tls;
  }

 private:
  void Run(const std::string& arguments) {
    const std::string command = "cd " + dir_.path() + " && openssl " + arguments + " >openssl.log 2>&1";
    MASPO_CHECK(std::system(command.c_str()) == 0);
  }
  const std::string name_;
  TempDir dir_;
};

}  // namespace maspo
