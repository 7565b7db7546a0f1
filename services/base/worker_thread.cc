#include "services/base/worker_thread.h"

#include <pthread.h>

#include <exception>
#include <utility>

#include "services/base/status_macros.h"

namespace maspo {
namespace {

// The top of a thread: libraries' exceptions end here.
absl::Status Guarded(const WorkerThread::Body& body) {
  try {
    return body();
  } catch (const std::exception& error) {
    return absl::InternalError(error.what());
  } catch (...) {
    return absl::InternalError("an exception that is not a std::exception");
  }
}

}  // namespace

WorkerThread::WorkerThread(std::string name, Body body, OnEnd on_end) : name_(std::move(name)) {
  thread_ = std::thread([this, body = std::move(body), on_end = std::move(on_end)] { Run(body, on_end); });
}

WorkerThread::~WorkerThread() {
  if (thread_.joinable()) thread_.join();
}

absl::Status WorkerThread::Join() {
  if (thread_.joinable()) thread_.join();
  return result_;
}

void WorkerThread::Run(const Body& body, const OnEnd& on_end) {
  pthread_setname_np(pthread_self(), name_.substr(0, 15).c_str());
  result_ = Annotate(Guarded(body), name_);
  if (on_end) on_end(result_);
}

}  // namespace maspo
