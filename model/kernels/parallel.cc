#include "model/kernels/parallel.h"

#include <omp.h>

namespace maspo::kernels {

void ParallelFor(int64_t num_tasks, const std::function<void(int64_t)>& body) {
  const int threads = static_cast<int>(std::min<int64_t>(num_tasks, omp_get_max_threads()));
  if (threads <= 1 || omp_in_parallel()) {
    for (int64_t task = 0; task < num_tasks; ++task) body(task);
    return;
  }
#pragma omp parallel for schedule(dynamic) num_threads(threads)
  for (int64_t task = 0; task < num_tasks; ++task) body(task);
}

}  // namespace maspo::kernels
