-- Reads with the caller's rights.
create view pet_list with (security_invoker = true) as
    select id, name, keeper from pets;

grant select on pet_list to role_readwrite;
