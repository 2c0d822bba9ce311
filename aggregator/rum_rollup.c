/*
 * The list of dimensions that events are rolled up by: see rum_rollup.h.
 */

#include "rum_rollup.h"

#include "rum_detail.h"


static uint8_t rum_rollup_own_attr(rum_rollup_t *rollup,
    const rum_str_t *name);
static int rum_rollup_check_name(const rum_str_t *name, const char **error);


static const char *const  rum_rollup_builtin[RUM_ROLLUP_BUILTIN] = {
    "page", "country", "region", "city", "asn", "device", "browser",
    "browser_version", "os", "network", "nav", "human", "memory"
};


void
rum_rollup_init(rum_rollup_t *rollup)
{
    uint32_t     i;
    rum_attr_t  *attr;

    memset(rollup, 0, sizeof(rum_rollup_t));

    for (i = 0; i < RUM_ROLLUP_BUILTIN; i++) {
        attr = &rollup->attrs[i];
        attr->len = strlen(rum_rollup_builtin[i]);
        memcpy(attr->text, rum_rollup_builtin[i], attr->len);
        attr->assumed_yes = strcmp(rum_rollup_builtin[i], "human") == 0;
    }

    rollup->nattrs = RUM_ROLLUP_BUILTIN;

    rollup->dims[0].len = sizeof(RUM_ALL) - 1;
    memcpy(rollup->dims[0].text, RUM_ALL, sizeof(RUM_ALL));
    rollup->dims[0].first = RUM_ATTR_NONE;
    rollup->dims[0].second = RUM_ATTR_NONE;
    rollup->ndims = 1;
}


int
rum_rollup_add(rum_rollup_t *rollup, const char *text, const char **error)
{
    size_t             len;
    uint8_t            first_attr, second_attr;
    uint32_t           i;
    rum_str_t          first, second;
    const char        *comma;
    rum_rollup_dim_t  *dim;

    len = strlen(text);
    comma = strchr(text, ',');

    first.data = (unsigned char *) text;
    first.len = comma != NULL ? (size_t) (comma - text) : len;
    rum_str_null(&second);

    if (rum_rollup_check_name(&first, error) != RUM_OK) {
        return RUM_DECLINED;
    }

    if (comma != NULL) {
        second.data = (unsigned char *) comma + 1;
        second.len = len - first.len - 1;

        if (rum_rollup_check_name(&second, error) != RUM_OK) {
            return RUM_DECLINED;
        }

        if (rum_str_eq(&first, &second)) {
            *error = "a pair needs two different dimensions";
            return RUM_DECLINED;
        }
    }

    for (i = 0; i < rollup->ndims; i++) {
        if (strcmp(rollup->dims[i].text, text) == 0) {
            *error = "is listed twice";
            return RUM_DECLINED;
        }
    }

    if (comma == NULL) {
        first_attr = rum_rollup_attr(rollup, &first);
        second_attr = RUM_ATTR_NONE;

        if (first_attr >= RUM_ROLLUP_BUILTIN) {
            return RUM_OK;
        }

    } else {
        first_attr = rum_rollup_own_attr(rollup, &first);
        second_attr = rum_rollup_own_attr(rollup, &second);
    }

    if (rollup->ndims == RUM_ROLLUP_DIMS || first_attr == RUM_ATTR_NONE
        || (comma != NULL && second_attr == RUM_ATTR_NONE))
    {
        *error = "too many dimensions";
        return RUM_FULL;
    }

    dim = &rollup->dims[rollup->ndims++];
    dim->len = len;
    memcpy(dim->text, text, len + 1);
    dim->first = first_attr;
    dim->second = second_attr;

    rollup->attrs[first_attr].needed = 1;

    if (second_attr != RUM_ATTR_NONE) {
        rollup->attrs[second_attr].needed = 1;
    }

    return RUM_OK;
}


uint8_t
rum_rollup_attr(const rum_rollup_t *rollup, const rum_str_t *name)
{
    uint32_t           i;
    const rum_attr_t  *attr;

    for (i = 0; i < rollup->nattrs; i++) {
        attr = &rollup->attrs[i];

        if (attr->len == name->len
            && memcmp(attr->text, name->data, name->len) == 0)
        {
            return (uint8_t) i;
        }
    }

    return RUM_ATTR_NONE;
}


/* finds the attribute, and makes it one if a pair is the first to name it */

static uint8_t
rum_rollup_own_attr(rum_rollup_t *rollup, const rum_str_t *name)
{
    uint8_t      found;
    rum_attr_t  *attr;

    found = rum_rollup_attr(rollup, name);

    if (found != RUM_ATTR_NONE || rollup->nattrs == RUM_ROLLUP_ATTRS) {
        return found;
    }

    attr = &rollup->attrs[rollup->nattrs];
    attr->len = name->len;
    memcpy(attr->text, name->data, name->len);

    return (uint8_t) rollup->nattrs++;
}


static int
rum_rollup_check_name(const rum_str_t *name, const char **error)
{
    if (name->len == 0) {
        *error = "a dimension has no name";
        return RUM_DECLINED;
    }

    if (name->len > RUM_LEN_NAME) {
        *error = "the name is too long";
        return RUM_DECLINED;
    }

    if (memchr(name->data, ',', name->len) != NULL) {
        *error = "at most two dimensions make a pair";
        return RUM_DECLINED;
    }

    if (rum_str_is(name, RUM_ALL)) {
        *error = "\"all\" is always rolled up";
        return RUM_DECLINED;
    }

    if (rum_detail_reserved(name)) {
        *error = "is a name of \"details\"";
        return RUM_DECLINED;
    }

    return RUM_OK;
}
