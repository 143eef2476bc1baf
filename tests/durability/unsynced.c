/* A disk that keeps only what was synced: preloaded into the platform, it follows every fsync and fdatasync under
 * UNSYNCED_ROOT and keeps, in UNSYNCED_SHADOW, what a loss of power at this moment would leave:
 *
 *   files/<id>     the bytes of a file as they were at its last sync (id: inode and time of birth)
 *   names/<path>   a symbolic link to the id that this name stands for
 *
 * A file's bytes become durable when it is synced. A name (created, renamed, unlinked) becomes durable when its folder
 * is synced, or when the file itself is synced under that name, as on ext4 and xfs. Everything else is lost. A file
 * whose name is durable and whose bytes never were is empty. Nothing really goes to the disk: the shadow is the disk.
 */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char root[PATH_MAX], shadow[PATH_MAX - 64];
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

static void die(const char *what, const char *path) {
    fprintf(stderr, "unsynced: %s %s: %s\n", what, path, strerror(errno));
    abort(); /* a shadow with a hole would prove nothing */
}

static void identify(int fd, char *id, size_t size) {
    struct statx found;
    if (statx(fd, "", AT_EMPTY_PATH, STATX_INO | STATX_BTIME, &found) != 0) die("statx", "");
    snprintf(id, size, "%llu-%lld-%u", (unsigned long long)found.stx_ino,
             found.stx_mask & STATX_BTIME ? (long long)found.stx_btime.tv_sec : 0,
             found.stx_mask & STATX_BTIME ? found.stx_btime.tv_nsec : 0);
}

/* The path below root; NULL when it lies elsewhere. */
static const char *below(const char *path) {
    size_t length = strlen(root);
    if (!length || strncmp(path, root, length) != 0) return NULL;
    if (path[length] == '\0') return "";
    return path[length] == '/' ? path + length + 1 : NULL;
}

static void make_folders(const char *path) {
    char part[PATH_MAX];
    snprintf(part, sizeof part, "%s", path);
    for (char *at = part + strlen(shadow) + 1; (at = strchr(at, '/')); at++) {
        *at = '\0';
        if (mkdir(part, 0700) != 0 && errno != EEXIST) die("mkdir", part);
        *at = '/';
    }
}

static void keep_bytes(int fd, const char *id) {
    char own[64], path[PATH_MAX], part[PATH_MAX], buffer[1 << 16];
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd); /* fd itself may be open for writing only */
    snprintf(path, sizeof path, "%s/files/%s", shadow, id);
    snprintf(part, sizeof part, "%s.part", path);
    int from = open(own, O_RDONLY | O_CLOEXEC), to = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (from < 0 || to < 0) die("open", part);
    ssize_t count;
    while ((count = read(from, buffer, sizeof buffer)) > 0)
        if (write(to, buffer, count) != count) die("write", part);
    if (count < 0) die("read", own);
    close(from);
    close(to);
    if (rename(part, path) != 0) die("rename", part); /* a kill in the middle leaves the state of the sync before */
}

static const char *leaving;
static int drop(const char *path, const struct stat *s, int kind, struct FTW *at) {
    char target[PATH_MAX] = "";
    if (leaving && (kind != FTW_SL || readlink(path, target, sizeof target - 1) < 0 || strcmp(target, leaving) != 0))
        return 0;
    if (remove(path) != 0) die("remove", path);
    return 0;
}

/* This name stands for this file from now on. `moved`: the file has no other name, so an older one goes with it. */
static void keep_name(const char *name, const char *id, int moved) {
    char path[PATH_MAX], part[PATH_MAX], names[PATH_MAX], known[PATH_MAX] = "";
    snprintf(names, sizeof names, "%s/names", shadow);
    snprintf(path, sizeof path, "%s/%s", names, name);
    if (readlink(path, known, sizeof known - 1) >= 0 && strcmp(known, id) == 0) return;
    leaving = id;
    if (moved) nftw(names, drop, 16, FTW_PHYS);
    make_folders(path);
    snprintf(part, sizeof part, "%s/naming", shadow);
    unlink(part);
    if (symlink(id, part) != 0 || rename(part, path) != 0) die("name", path);
}

static void keep_folder(const char *live, const char *name);

static void keep_entry(const char *live, const char *name, int recursive) {
    char id[128];
    int fd = open(live, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    struct stat found;
    if (fd < 0) return; /* gone again meanwhile, or a symbolic link */
    if (fstat(fd, &found) != 0) die("fstat", live);
    if (S_ISDIR(found.st_mode)) {
        char path[PATH_MAX];
        snprintf(path, sizeof path, "%s/names/%s/", shadow, name);
        make_folders(path);
        if (recursive) keep_folder(live, name);
    } else if (S_ISREG(found.st_mode)) {
        identify(fd, id, sizeof id);
        if (recursive) keep_bytes(fd, id);
        keep_name(name, id, 0);
    }
    close(fd);
}

static int everything; /* at the start all that is there counts as durable */

static void keep_folder(const char *live, const char *name) {
    char path[PATH_MAX], inner[PATH_MAX], gone[PATH_MAX];
    const char *slash = *name ? "/" : "";
    DIR *folder = opendir(live);
    if (!folder) return;
    snprintf(path, sizeof path, "%s/names/%s%s", shadow, name, slash);
    make_folders(path);
    for (struct dirent *entry; (entry = readdir(folder));) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (snprintf(inner, sizeof inner, "%s/%s", live, entry->d_name) < 0) die("name", live);
        if (snprintf(gone, sizeof gone, "%s%s%s", name, slash, entry->d_name) < 0) die("name", live);
        keep_entry(inner, gone, everything);
    }
    closedir(folder);
    if (!(folder = opendir(path))) return;
    for (struct dirent *entry; (entry = readdir(folder));) { /* what was unlinked is gone for good now */
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..")) continue;
        if (snprintf(inner, sizeof inner, "%s/%s", live, entry->d_name) < 0) die("name", live);
        if (snprintf(gone, sizeof gone, "%s/%s", path, entry->d_name) < 0) die("name", path);
        leaving = NULL;
        if (access(inner, F_OK) != 0) nftw(gone, drop, 16, FTW_PHYS | FTW_DEPTH);
    }
    closedir(folder);
}

static int synced(int fd) {
    char own[64], path[PATH_MAX], id[128];
    struct stat found;
    if (fstat(fd, &found) != 0) return -1;
    snprintf(own, sizeof own, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(own, path, sizeof path - 1);
    if (length < 0) die("readlink", own);
    path[length] = '\0';
    const char *name = below(path);
    if (!name) return 0;
    pthread_mutex_lock(&lock);
    if (S_ISDIR(found.st_mode)) {
        keep_folder(path, name);
    } else if (S_ISREG(found.st_mode) && found.st_nlink > 0) {
        identify(fd, id, sizeof id);
        keep_bytes(fd, id);
        keep_name(name, id, found.st_nlink == 1);
    }
    pthread_mutex_unlock(&lock);
    return 0;
}

int fsync(int fd) { return synced(fd); }
int fdatasync(int fd) { return synced(fd); }

__attribute__((constructor)) static void begin(void) {
    char path[PATH_MAX];
    const char *data = getenv("UNSYNCED_ROOT"), *kept = getenv("UNSYNCED_SHADOW");
    if (!data || !kept || !realpath(data, root)) return;
    snprintf(shadow, sizeof shadow, "%s", kept);
    snprintf(path, sizeof path, "%s/files", shadow);
    mkdir(shadow, 0700);
    if (mkdir(path, 0700) != 0) return; /* a child, or a later start: the shadow is known already */
    everything = 1;
    keep_folder(root, "");
    everything = 0;
}
