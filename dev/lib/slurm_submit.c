/*
 * Submits one job again and again by Slurm's library, as a program does that starts no sbatch for each job.
 *
 *   slurm_submit COUNT CLIENTS SCRIPT-FILE      COUNT jobs in all, by CLIENTS processes at a time
 *
 * SLURM_CONF names the configuration. Prints nothing; ends with 1 if a submission is refused.
 */
#include <slurm/slurm.h>
#include <slurm/slurm_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#if SLURM_VERSION_NUMBER >= SLURM_VERSION_NUM(24, 11, 0)
#define GPU "gres/gpu:1"
#else
#define GPU "gres:gpu:1"
#endif

enum { SCRIPT_LIMIT = 4096 };

static char script[SCRIPT_LIMIT];

static void read_script(const char *path) {
  FILE *file = fopen(path, "r");
  if (file == NULL || fread(script, 1, sizeof script - 1, file) == 0) {
    perror(path);
    exit(2);
  }
  fclose(file);
}

static int submit(int count) {
  char *environment[] = {"PATH=/usr/bin:/bin", NULL};
  for (int job = 0; job < count; job++) {
    job_desc_msg_t request;
    submit_response_msg_t *answer = NULL;
    slurm_init_job_desc_msg(&request);
    request.name = "job";
    request.script = script;
    request.environment = environment;
    request.env_size = 1;
    request.work_dir = "/tmp";
    request.std_out = "/dev/null";
    request.user_id = getuid();
    request.group_id = getgid();
    request.num_tasks = 1;
    request.min_nodes = 1;
    request.tres_per_node = GPU;
    if (slurm_submit_batch_job(&request, &answer) != SLURM_SUCCESS) {
      slurm_perror("slurm_submit_batch_job");
      return 1;
    }
    slurm_free_submit_response_response_msg(answer);
  }
  return 0;
}

int main(int count, char **arguments) {
  if (count != 4) {
    fprintf(stderr, "usage: slurm_submit COUNT CLIENTS SCRIPT-FILE\n");
    return 2;
  }
  int jobs = atoi(arguments[1]);
  int clients = atoi(arguments[2]);
  read_script(arguments[3]);
  slurm_init(NULL);
  for (int client = 0; client < clients; client++) {
    int share = jobs / clients + (client < jobs % clients ? 1 : 0);
    pid_t child = fork();
    if (child < 0) {
      perror("fork");
      return 2;
    }
    if (child == 0) {
      _exit(submit(share));
    }
  }
  int failed = 0;
  int status;
  while (wait(&status) > 0) {
    failed |= !WIFEXITED(status) || WEXITSTATUS(status) != 0;
  }
  return failed;
}
