/*
 * restrict: runs a program without memory that is first writable and then executable.
 *
 *     restrict mdwe PROGRAM …     prctl(2), PR_SET_MDWE: the kernel refuses such memory, like a strict SELinux policy
 *     restrict nothing PROGRAM …  also, no shared mapping of a file can be executable, which is libffi's alternative
 *
 * Exit status 77 if the kernel does not have PR_SET_MDWE.
 */
#include <errno.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#ifndef PR_SET_MDWE
#define PR_SET_MDWE 65
#define PR_MDWE_REFUSE_EXEC_GAIN 1
#endif

#define ARGUMENT(number) ((unsigned)offsetof(struct seccomp_data, args[number]))

/* mmap(…, prot with PROT_EXEC, flags with MAP_SHARED, …) fails with EACCES. The loader only uses private mappings. */
static int refuse_shared_code(void)
{
    struct sock_filter code[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (unsigned)offsetof(struct seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_mmap, 0, 5),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(2)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, PROT_EXEC, 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, ARGUMENT(3)),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, MAP_SHARED, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EACCES),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    struct sock_fprog program = {sizeof code / sizeof code[0], code};
    return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program) != 0;
}

int main(int count, char **words)
{
    if (count < 3)
        return 2;
    if (prctl(PR_SET_MDWE, PR_MDWE_REFUSE_EXEC_GAIN, 0, 0, 0) != 0)
        return 77;
    if (strcmp(words[1], "nothing") == 0 && refuse_shared_code() != 0) {
        perror("seccomp");
        return 77;
    }
    execvp(words[2], words + 2);
    perror(words[2]);
    return 1;
}
